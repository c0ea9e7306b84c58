// @ts-check
/** Finds in a drawn machine what records tell of. Needs nothing of a browser. */

/** @typedef {import('../../../scripts/chart-shape.ts').Chart} Chart */
/** @typedef {import('../../../scripts/chart-shape.ts').ChartState} ChartState */
/** @typedef {{ from?: string, to?: string, event?: string }} Transition */
/** @typedef {{ edge: number } | { state: string, row: number }} Taken */

/**
 * The innermost state that records call by this name.
 * @param {Chart} chart
 * @param {string | undefined} name
 * @returns {ChartState | undefined}
 */
export function stateNamed(chart, name) {
  return chart.states.find((state) => state.kind !== 'compound' && state.public === name)
}

/**
 * The state and all that it lies in, innermost first.
 * @param {Chart} chart
 * @param {ChartState | undefined} state
 * @returns {ChartState[]}
 */
export function withAncestors(chart, state) {
  if (!state) return []
  return [
    state,
    ...withAncestors(
      chart,
      chart.states.find(({ id }) => id === state.parent),
    ),
  ]
}

/**
 * The line, or the written row, that a transition took; undefined for one that the machine does not draw.
 * @param {Chart} chart
 * @param {Transition} transition
 * @returns {Taken | undefined}
 */
export function takenBy(chart, { from, to, event }) {
  const target = stateNamed(chart, to)
  if (!target || event === undefined) return undefined
  const leads = (/** @type {string | undefined} */ id) => id === target.id || target.id.startsWith(`${id}.`)
  for (const source of withAncestors(chart, stateNamed(chart, from))) {
    const edge = chart.edges.findIndex(
      (line) => line.from === source.id && line.events.includes(event) && leads(line.to),
    )
    if (edge >= 0) return { edge }
    const row = source.rows.findIndex((written) => written.event === event && leads(written.to))
    if (row >= 0) return { state: source.id, row }
  }
  return undefined
}

/**
 * How often each line and each row was taken: by the key of {@link keyOf}.
 * @param {Chart} chart
 * @param {readonly Transition[]} transitions
 * @returns {Map<string, number>}
 */
export function countTaken(chart, transitions) {
  const counts = new Map()
  for (const transition of transitions) {
    const taken = takenBy(chart, transition)
    if (taken) counts.set(keyOf(taken), (counts.get(keyOf(taken)) ?? 0) + 1)
  }
  return counts
}

/**
 * @param {Taken} taken
 * @returns {string}
 */
export function keyOf(taken) {
  return 'edge' in taken ? `edge ${taken.edge}` : `${taken.state} ${taken.row}`
}

/**
 * What a state does and where it leads, a line each, for those who read the machine as a list.
 * @param {Chart} chart
 * @param {ChartState} state
 * @returns {string[]}
 */
export function wordsOf(chart, state) {
  return withAncestors(chart, state).flatMap(({ id, rows }) => [
    ...rows.map(({ text }) => text),
    ...chart.edges
      .filter(({ from }) => from === id)
      .map(({ label, to }) => `${label.lines.join(' ')} → ${to.slice(to.lastIndexOf('.') + 1)}`),
  ])
}

const TONES = /** @type {const} */ ({
  starting: 'work',
  creating: 'work',
  running: 'work',
  reporting: 'work',
  finishing: 'work',
  recovering: 'repair',
  retrying: 'repair',
  paused: 'person',
  escalated: 'person',
  failed: 'bad',
  completed: 'good',
})

/**
 * What a state means to whoever looks: its colour and its mark.
 * @param {string} name public name
 * @returns {'neutral' | 'work' | 'repair' | 'person' | 'bad' | 'good'}
 */
export function toneOf(name) {
  if (name === 'running.needsInput') return 'person'
  const main = name.split('.')[0] ?? ''
  return Object.hasOwn(TONES, main) ? TONES[/** @type {keyof typeof TONES} */ (main)] : 'neutral'
}

/** The mark of each tone: colours alone are not seen by everybody. */
export const MARKS = /** @type {const} */ ({
  neutral: '○',
  work: '●',
  repair: '◆',
  person: '▲',
  bad: '✖',
  good: '✔',
})
