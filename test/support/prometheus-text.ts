/** The values of one metric: by `name{labels}` as written, the labels in order. */
export interface Metric {
  readonly type: string
  readonly help: string
  readonly samples: Readonly<Record<string, number>>
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const LABEL = `[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"`
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)\\})? ([-+]?(?:Inf|\\d[\\d.eE+-]*)|NaN)$`)
const UNITS = /_(seconds|bytes|calls|agents|records|clients|subscriptions|total|closed|runs|tasks|ratio)$/

/**
 * The metrics of a Prometheus text by name. Throws for what a strict reader refuses: a sample without HELP and TYPE before it, one
 * that is there twice, a counter whose name does not end in `_total`, a histogram that does not add up, no newline at the end.
 */
export function parsePrometheus(text: string): Readonly<Record<string, Metric>> {
  if (!text.endsWith('\n')) throw new Error('The last line has no end.')
  const metrics: Record<string, Metric & { samples: Record<string, number> }> = {}
  let current = ''
  let help = ''
  for (const line of text.split('\n').slice(0, -1)) {
    if (line === '') continue
    const [, word = '', name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? []
    if (word === 'HELP') help = rest
    if (word === 'TYPE') {
      if (metrics[name]) throw new Error(`${name} is described twice.`)
      current = name
      metrics[name] = { type: rest, help, samples: {} }
    }
    if (line.startsWith('#')) continue
    const match = SAMPLE.exec(line)
    if (!match) throw new Error(`No sample: ${line}`)
    const [, sample = '', labels = '', value = ''] = match
    const owner = metrics[current]
    if (!owner || sample.replace(/_(bucket|sum|count)$/, owner.type === 'histogram' ? '' : '$&') !== current) {
      throw new Error(`${sample} is not described before it.`)
    }
    const key = labels === '' ? sample : `${sample}{${labels}}`
    if (key in owner.samples) throw new Error(`${key} is there twice.`)
    owner.samples[key] = value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value)
  }
  for (const [name, metric] of Object.entries(metrics)) check(name, metric)
  return metrics
}

function check(name: string, { type, help, samples }: Metric): void {
  if (help === '') throw new Error(`${name} has no help.`)
  if (type === 'counter' && !name.endsWith('_total')) throw new Error(`The counter ${name} does not end in _total.`)
  if (type !== 'counter' && name.endsWith('_total')) throw new Error(`${name} is no counter.`)
  if (!UNITS.test(name)) throw new Error(`${name} does not say what it counts.`)
  if (type === 'histogram') checkHistogram(name, samples)
}

/** Of each series: its buckets rise, and the last of them is the count. */
function checkHistogram(name: string, samples: Metric['samples']): void {
  for (const [key, count] of Object.entries(samples)) {
    if (!key.startsWith(`${name}_count`)) continue
    const labels = key.slice(`${name}_count`.length)
    const buckets = Object.entries(samples).filter(
      ([other]) => other.replace(/le="[^"]*",?/, '').replace('{}', '') === `${name}_bucket${labels}`,
    )
    const rising = buckets.every(([, value], index) => index === 0 || value >= (buckets[index - 1]?.[1] ?? 0))
    const [last = '', most] = buckets.at(-1) ?? []
    if (!rising || most !== count || !last.includes('le="+Inf"')) throw new Error(`${key} does not add up.`)
  }
}
