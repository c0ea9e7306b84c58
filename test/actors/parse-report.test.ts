import { describe, expect, it } from 'vitest'
import { parseReport } from '../../src/actors/parse-report.ts'

const block = (json: object, fence = '```', info = 'json') =>
  `${fence}${info}\n${JSON.stringify(json, null, 2)}\n${fence}`
const DONE = { status: 'completed', result: { tasks: [1, 2] } }

describe('the report in a text', () => {
  it('is the last fenced JSON block; the rest is the text', () => {
    const text = `I looked at it.\n\n${block({ status: 'failed', result: 'a first try' })}\n\nNow it works.\n\n${block(DONE)}\n`
    expect(parseReport(text)).toEqual({
      report: DONE,
      text: `I looked at it.\n\n${block({ status: 'failed', result: 'a first try' })}\n\nNow it works.`,
    })
  })

  it.each([
    ['a block without a language', block(DONE, '```', '')],
    ['a block of a longer fence', block(DONE, '`````')],
    ['a language in capitals, with more behind it', block(DONE, '```', ' JSON title="report"')],
    ['lines that end with a carriage return', `Done.\n${block(DONE)}\n`.replaceAll('\n', '\r\n')],
    ['a block that is indented', `Done.\n  \`\`\`json\n  ${JSON.stringify(DONE)}\n  \`\`\`\n`],
    ['a fence that was never closed', `Done.\n\`\`\`json\n${JSON.stringify(DONE)}`],
    ['an earlier fence that was never closed', `\`\`\`\nnpm test\n\n${block(DONE)}`],
    ['an earlier fence with a language that was never closed', `\`\`\`sh\nnpm test\n\n${block(DONE)}`],
    ['the whole text', `\n ${JSON.stringify(DONE)} \n`],
    [
      'the last block that is one, although others follow',
      `${block(DONE)}\n${block({ some: 'data' })}\n\`\`\`sh\nls\n\`\`\``,
    ],
  ])('is found in %s', (_, text) => expect(parseReport(text).report).toEqual(DONE))

  it('keeps the number of its turn, its task and its metrics', () => {
    const report = { status: 'completed', task_id: 'spec', turn: 3, result: 'x', metrics: { tokens: 12 } }
    expect(parseReport(block(report))).toEqual({ report, text: '' })
  })

  it.each([
    ['completed', 'completed'],
    ['success', 'completed'],
    ['done', 'completed'],
    ['failed', 'failed'],
    ['FAILURE', 'failed'],
    ['Error', 'failed'],
  ])('reads the status %s as %s', (word, status) => {
    expect(parseReport(block({ status: word, result: null })).report).toEqual({ status, result: null })
  })

  it('has the result null when it names none, and leaves out what is of a wrong kind', () => {
    const report = { status: 'completed', task_id: 7, turn: 'three', metrics: 'many' }
    expect(parseReport(block(report)).report).toEqual({ status: 'completed', result: null })
  })
})

describe('a text without a report', () => {
  it.each([
    ['prose', 'All done, see the pull request.'],
    ['nothing', ''],
    ['JSON that is no report', block({ answer: 42 })],
    ['a list', '```json\n[1, 2]\n```'],
    ['broken JSON', '```json\n{"status": "completed", "result": \n```'],
    ['a status that is no word', block({ status: 1 })],
    ['a report quoted in another block', `An example:\n\`\`\`\`markdown\n${block(DONE)}\n\`\`\`\`\n`],
  ])('is the result itself: %s', (_, text) => expect(parseReport(text)).toEqual({ text }))
})

describe('a hostile text', () => {
  // What is quadratic in these would take minutes, longer than a test may.
  const reportIn = (text: string) => parseReport(text).report
  const MB = 1024 * 1024

  it.each([
    ['prose of 10 MB', 'word '.repeat(2 * MB)],
    ['fences that open and never close', '```json\n'.repeat((10 * MB) / 8)],
    ['fences that open and close', '```\n'.repeat((10 * MB) / 4)],
    ['ever shorter fences', Array.from({ length: 2_000 }, (_, i) => '`'.repeat(2_003 - i)).join('\n')],
    ['one line of backticks', '`'.repeat(10 * MB)],
    ['spaces', ' '.repeat(10 * MB)],
    ['fences followed by spaces and a backtick', `\`\`\`${' '.repeat(50_000)}\`\n`.repeat(200)],
    ['fences followed by spaces', `\`\`\`${' '.repeat(5_000)}x\n`.repeat(2_000)],
    ['blocks that begin like JSON', '```json\n{\n```\n'.repeat(MB / 2)],
    ['deep nesting', `\`\`\`json\n${'{"a":'.repeat(MB)}\n\`\`\``],
  ])('is read in linear time: %s', (_, text) => {
    expect(reportIn(text)).toBe(undefined)
    expect(() => parseReport(`${text}\n\n${'`'.repeat(3)}json\n${JSON.stringify(DONE)}\n\`\`\`\n`)).not.toThrow()
  })

  it('still has its report at the end', () => {
    expect(reportIn(`${'word\n'.repeat(2 * MB)}${block(DONE)}`)).toEqual(DONE)
    expect(reportIn(`${'```json\n{"some": "data"}\n```\n'.repeat(300_000)}${block(DONE)}`)).toEqual(DONE)
  })

  it('cannot smuggle anything into the prototype of what reads it', () => {
    const { report } = parseReport('```json\n{"status":"completed","result":{"__proto__":{"polluted":1}}}\n```')
    expect(report?.status).toBe('completed')
    expect(Object.keys({})).toEqual([])
    expect(({} as { polluted?: number }).polluted).toBe(undefined)
  })
})
