import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { PROVEN } from './list.ts'

/** Whether the text has the title as a string of its own. */
const names = (text: string, title: string) =>
  [`'${title}'`, `"${title}"`, `\`${title}\``].some((quoted) => text.includes(quoted))

describe('the list of places to which text of an agent goes', () => {
  it.each(Object.entries(PROVEN))('names tests that there are: %s', async (_, tests) => {
    expect(tests.length).toBeGreaterThan(0)
    for (const [file, ...titles] of tests) {
      const text = await readFile(new URL(`../${file}`, import.meta.url), 'utf8')
      expect([file, titles.filter((title) => !names(text, title))]).toEqual([file, []])
    }
  })
})
