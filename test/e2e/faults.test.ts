import { describe, expect } from 'vitest'
import { createdOnce, inTerminal, range, recordsOf, resultOf } from './command-line.ts'

const TASKS = ['first', 'left', 'middle', 'right', 'last']
const WORKFLOW = `
name: faulty
defaults: { repository: acme/shop, retry: { attempts: 1 } }
manager: { prompt: Watch them, reportEvery: 1s, simulate: { duration: 200ms, result: Noted. } }
tasks:
  first: { prompt: Begin, simulate: { duration: 500ms, result: Begun. } }
  left: { prompt: Left, needs: [first], simulate: { duration: 500ms, result: Left. } }
  middle: { prompt: Middle, needs: [first], simulate: { duration: 700ms, result: Middle. } }
  right: { prompt: Right, needs: [first], simulate: { duration: 900ms, result: Right. } }
  last: { prompt: "End: {{ tasks.left.result }}", needs: [left, middle, right], simulate: { duration: 500ms } }
`

describe.concurrent('a server that fails', () => {
  for (const [name, seed, faults] of [
    ['loses answers after it has carried out what was asked', 1, { 'answer-lost': 0.5 }],
    ['answers with errors and breaks connections', 2, { error: 0.25, reset: 0.15 }],
    ['answers with garbage and with what was long ago', 3, { garbage: 0.2, stale: 0.3 }],
    ['does all of it, and slowly', 4, { 'answer-lost': 0.1, error: 0.1, reset: 0.05, garbage: 0.1, slow: 0.03 }],
  ] as const) {
    inTerminal(`${name}: the run completes, each agent created once`, async ({ terminal }) => {
      const standIn = await terminal.standIn(['--limit', 'create=none', '--seed', String(seed)])
      await standIn.setFaults(faults)
      const file = await terminal.workflow(WORKFLOW)
      const flags = ['--backend', 'codegen', '--grace', '1s', '--limit', 'codegen.create=none', '--json']
      const { code, stdout } = await terminal.troupe(
        ['run', file, ...flags, '--data-dir', await terminal.folder()],
        standIn.env,
      )
      const { run, status, standIn: played, tasks } = resultOf(stdout)
      expect([code, status, played]).toEqual([0, 'completed', false])
      const agents = tasks.filter(({ task }) => task !== 'manager')
      expect(agents.map(({ task, state, attempts }) => [task, state, attempts])).toEqual(
        TASKS.map((task) => [task, 'completed', 1]),
      )
      const { [`${run}/manager/1`]: managers, ...created } = await standIn.creations()
      expect([created, managers ?? 1]).toEqual([createdOnce(run, TASKS), 1])
      expect(Object.values(await standIn.turns()).filter((count) => count !== 1)).toEqual([])
      const records = recordsOf(stdout)
      expect(records.map(({ seq }) => seq)).toEqual(range(1, records.length))
    })
  }
})
