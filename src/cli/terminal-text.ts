import { stripVTControlCharacters } from 'node:util'

// Controls but tab and newline; and what turns the direction of text around, so that a line reads other than it is.
const CONTROLS = /(?![\t\n])(?:\p{Cc}|\p{Bidi_Control}|[\u2028\u2029\ufeff])/gu
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u
const ZERO = /\p{Mn}|\p{Me}|\p{Default_Ignorable_Code_Point}/u

/** Text from elsewhere made safe for a terminal; its lines stay. */
export function escapeText(text: string): string {
  return stripVTControlCharacters(text.replaceAll('\r\n', '\n')).replace(CONTROLS, '')
}

/** Text from elsewhere made safe for a terminal, on one line. */
export function escapeLine(text: string): string {
  return escapeText(text).replace(/\s+/g, ' ').trim()
}

/** How many columns a text takes. */
export function displayWidth(text: string): number {
  let width = 0
  for (const character of text) width += characterWidth(character)
  return width
}

/** The text in at most `width` columns; `…` where something was cut. */
export function cutToWidth(text: string, width: number): string {
  if (width <= 0) return ''
  if (displayWidth(text) <= width) return text
  let cut = ''
  let used = 0
  for (const character of text) {
    used += characterWidth(character)
    if (used > width - 1) break
    cut += character
  }
  return `${cut}…`
}

/** The text followed by spaces up to `width` columns. */
export function padToWidth(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)))
}

/** `4s`, `2m05s`, `3h07m`, `2d04h`. */
export function formatElapsed(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 60) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}m${two(seconds % 60)}s`
  const hours = Math.floor(minutes / 60)
  return hours < 24 ? `${hours}h${two(minutes % 60)}m` : `${Math.floor(hours / 24)}d${two(hours % 24)}h`
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}

function characterWidth(character: string): number {
  if (ZERO.test(character)) return 0
  return WIDE.test(character) ? 2 : 1
}
