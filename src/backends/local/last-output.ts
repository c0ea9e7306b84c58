/** Colours, titles, links: sequences that a terminal acts upon. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~])/g
const CONTROLS = /(?![\t\n])(?:\p{Cc}|\p{Cs}|\p{Bidi_Control}|[\u2028\u2029\ufeff])/gu

/** The end of what a program prints: its last bytes, as plain text. */
export class LastOutput {
  readonly #most: number
  #chunks: Buffer[] = []
  #kept = 0
  #cut = 0

  constructor(mostBytes: number) {
    this.#most = mostBytes
  }

  add(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#kept += chunk.length
    // Twice the bound is kept, so that bytes are seldom copied.
    if (this.#kept > 2 * this.#most || this.#chunks.length > 1_024) this.#trim()
  }

  /** Without control characters; where something was cut, its first line says so. `mostBytes` holds for what was printed. */
  text(): string {
    this.#trim()
    const text = plainText(Buffer.concat(this.#chunks).toString('utf8'))
    if (this.#cut === 0) return text
    const line = text.indexOf('\n')
    const whole = line >= 0 && line < text.length - 1 ? text.slice(line + 1) : text.replace(/^\ufffd+/, '')
    return `[the beginning is cut, about ${sizeOf(this.#cut)}]\n${whole}`
  }

  #trim(): void {
    const all = Buffer.concat(this.#chunks)
    const kept = all.subarray(Math.max(0, all.length - this.#most))
    this.#cut += all.length - kept.length
    // A copy, so that the large one can be freed.
    this.#chunks = [Buffer.from(kept)]
    this.#kept = kept.length
  }
}

/** Text as a terminal would show it at the end: no colours, no control characters, lines that were written over once. */
export function plainText(text: string): string {
  return text
    .replace(ESCAPES, '')
    .replace(/\r+\n/g, '\n')
    .replace(/^[^\n]*\r(?=[^\n\r])/gm, '')
    .replace(CONTROLS, '')
}

function sizeOf(bytes: number): string {
  return bytes < 1_024 ? `${bytes} bytes` : `${Math.ceil(bytes / 1_024)} KB`
}
