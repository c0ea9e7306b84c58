import { crc32 } from 'node:zlib'

const START = ',"sum":"'
const LENGTH = START.length + 8 + 2

/** The JSON text of an object with a last key `sum`: a checksum of the text without it. */
export function seal(text: string): string {
  return `${text.slice(0, -1)}${START}${hex(crc32(text))}"}`
}

/** The text that was sealed; undefined when it is not as it was written. */
export function unseal(bytes: Buffer): string | undefined {
  const end = bytes.length - LENGTH
  if (end <= 0) return undefined
  const sum = hex(crc32('}', crc32(bytes.subarray(0, end))))
  if (bytes.toString('latin1', end) !== `${START}${sum}"}`) return undefined
  return `${bytes.toString('utf8', 0, end)}}`
}

function hex(sum: number): string {
  return sum.toString(16).padStart(8, '0')
}
