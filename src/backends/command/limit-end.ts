const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS
/** An end further ahead is not believed. */
const LONGEST_MS = 8 * DAY_MS

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: MINUTE_MS, h: 60 * MINUTE_MS, d: DAY_MS }

/**
 * When a limit ends, by a sentence such as `try again at 8:49 AM`, `try again at Nov 25th, 2026 8:49 AM` or `try again in 1.5s`: clocks of
 * this machine, without a zone. A time without a date is the next one of that time. Undefined where nothing is said, or nothing
 * believable.
 */
export function limitEnd(message: string, now: number): number | undefined {
  const end = inA(message, now) ?? atA(message, now)
  return end !== undefined && end > now && end <= now + LONGEST_MS ? end : undefined
}

function inA(message: string, now: number): number | undefined {
  const said = /\btry again in ((?:\d+(?:\.\d+)? ?[a-z]+[, ]*(?:and )?)+)/i.exec(message)?.[1]
  if (said === undefined) return undefined
  const parts = [...said.matchAll(/(\d+(?:\.\d+)?) ?(ms|[smhd])/gi)]
  const sum = parts.reduce((ms, [, count, unit]) => ms + Number(count) * (UNITS[(unit ?? '').toLowerCase()] ?? 0), 0)
  return sum > 0 ? now + Math.ceil(sum) : undefined
}

function atA(message: string, now: number): number | undefined {
  const said =
    /\btry again at (?:([a-z]{3})[a-z]* (\d{1,2})(?:st|nd|rd|th)?,? (\d{4}),? )?(\d{1,2}):(\d{2}) ?([ap])\.?m\b/i.exec(
      message,
    )
  if (!said) return undefined
  const [, month, day, year, hour, minute, half] = said
  const hours = (Number(hour) % 12) + (half?.toLowerCase() === 'p' ? 12 : 0)
  // It is cut to the minute: the limit may end at that minute's last second.
  const minutes = Number(minute) + 1
  if (month !== undefined) {
    const place = MONTHS.indexOf(month.toLowerCase())
    return place < 0 ? undefined : new Date(Number(year), place, Number(day), hours, minutes).getTime()
  }
  const today = new Date(now)
  const at = (days: number) =>
    new Date(today.getFullYear(), today.getMonth(), today.getDate() + days, hours, minutes).getTime()
  return at(0) > now ? at(0) : at(1)
}
