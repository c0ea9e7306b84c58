import { findMark, formatKey } from '../../src/domain/ids.ts'
import type { Asked } from './hostile-world.ts'
import { CONTROL, EVIL, SECRET } from './texts.ts'

/** What of a prompt an agent could take for something other than data; none where all is well. */
export function faultsOf(run: string, { task, attempt, turn, text }: Asked): readonly string[] {
  const faults: string[] = []
  const last = text.slice(text.lastIndexOf('\n') + 1)
  const mark = findMark(text)
  if (mark === undefined || formatKey(mark.key) !== formatKey({ run, task, attempt }) || mark.turn !== turn)
    faults.push(`its mark is ${last}`)
  if ((text.match(/\[troupe:/gi) ?? []).length !== 1) faults.push('another mark')
  if (/\[simulate:/i.test(text)) faults.push('a script')
  if (text.includes(SECRET)) faults.push('a rendered template')
  const controls = text.match(CONTROL)
  if (controls !== null) faults.push(`control characters ${JSON.stringify(controls)}`)
  if (outside(text).includes(EVIL)) faults.push(`outside of quotes: ${outside(text)}`)
  return faults
}

/** A prompt without what is between fence lines, which only as long a fence closes, and without what is a JSON string. */
export function outside(prompt: string): string {
  let bar: string | undefined
  const lines: string[] = []
  for (const line of prompt.split('\n')) {
    if (bar === undefined) {
      const [, open] = /^(`{3,})[^`]*$/.exec(line) ?? []
      bar = open
      if (open === undefined) lines.push(line.replace(/"(?:[^"\\]|\\.)*"/g, '""'))
    } else if (/^`+\s*$/.test(line) && line.trim().length >= bar.length) bar = undefined
  }
  return lines.join('\n')
}
