import { describe, expect, it } from 'vitest'
import { readDecision } from '../../src/actors/read-decision.ts'
import { inTurn, REF, scriptedBackend, stateOf } from './scripted-backend.ts'
import { scriptedContext, start } from './scripted-context.ts'

const INPUT = { task: 'manager', attempt: 1, ref: REF, turn: 3, lastRound: true }
const FINISH = { kind: 'finish', summary: 'Done.', outcome: 'completed' } as const
const block = (report: object) => `So be it.\n\`\`\`json\n${JSON.stringify(report)}\n\`\`\``
const report = (turn?: number) => ({ status: 'completed', ...(turn === undefined ? {} : { turn }), result: { n: 1 } })

/** What is read where the backend returns these texts, one a read and the last for ever; and what was checked. */
async function read(...texts: readonly string[]) {
  const checked: unknown[] = []
  const states = texts.map((result) => stateOf('complete', { result }))
  const run = scriptedContext(scriptedBackend({ read: inTurn(...states) }), {
    checkDecision: (...given) => {
      checked.push(given)
      return FINISH
    },
  })
  const reading = start(readDecision(run), INPUT)
  await run.clock.advance(120_000)
  return { outcome: reading.outcome(), checked }
}

describe('the decision of a turn', () => {
  it.each([3, undefined])('is the result of its report, checked against the run: turn %s', async (turn) => {
    expect(await read(block(report(turn)))).toEqual({ outcome: { output: FINISH }, checked: [[{ n: 1 }, true]] })
  })

  it('is refused where there is no report', async () => {
    const problems = ['there is no report: end your answer with one fenced JSON block']
    expect(await read('I shall see.')).toEqual({ outcome: { output: { kind: 'refused', problems } }, checked: [] })
  })

  it('is not that of the turn before, which may still be read for a while', async () => {
    expect(await read(block(report(2)), block(report(3)))).toEqual({
      outcome: { output: FINISH },
      checked: [[{ n: 1 }, true]],
    })
  })

  it('is refused where the report stays that of another turn: its decision was taken', async () => {
    const problems = ['the report says that it is of turn 2: this was turn 3']
    expect(await read(block(report(2)))).toEqual({ outcome: { output: { kind: 'refused', problems } }, checked: [] })
  })
})
