/** How a piece of text is set off. */
export type Style = 'plain' | 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'blue' | 'cyan'

/** Wraps text in a style, or leaves it as it is. */
export type Paint = (text: string, style: Style) => string

const CODES: Readonly<Record<Exclude<Style, 'plain'>, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  cyan: [36, 39],
}

/** Text without any style. */
export const plainPaint: Paint = (text) => text

/** Text with the terminal's own colours. */
export const ansiPaint: Paint = (text, style) => {
  if (style === 'plain' || text === '') return text
  const [on, off] = CODES[style]
  return `\u001b[${on}m${text}\u001b[${off}m`
}

/** Colours on a terminal that wants them: `NO_COLOR` (any value) and `TERM=dumb` say no. */
export function paintFor(isTerminal: boolean, env: Readonly<Record<string, string | undefined>>): Paint {
  const refused = (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb'
  return isTerminal && !refused ? ansiPaint : plainPaint
}
