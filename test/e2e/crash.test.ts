import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { createdOnce, inTerminal, range, recordsOf, resultOf, statesOf, storedCreations } from './command-line.ts'

const AGENTS = ['research', 'spec', 'plan', 'execute[0]', 'execute[1]', 'execute[2]', 'execute[3]', 'review', 'manager']
const FEATURE = ['run', 'examples/feature-development.yaml', '--input', 'feature_request=Add login']

describe.concurrent('a run whose process is killed', () => {
  for (const [actor, state] of [
    ['research', 'creating'],
    ['plan', 'running'],
    ['execute[2]', 'reporting'],
  ] as const) {
    inTerminal(
      `goes on after the record of ${actor} ${state}, with the next seq and no second creation`,
      async ({ terminal }) => {
        const dataDir = await terminal.folder()
        const flags = ['--speed', '20', '--json', '--data-dir', dataDir]
        const killed = terminal.start([...FEATURE, ...flags])
        await killed.sawState(actor, state)
        killed.signal('SIGKILL')
        const { signal, stdout: before } = await killed.ended
        expect(signal).toEqual('SIGKILL')
        const { code, stdout: after } = await terminal.troupe(['resume', '--json', '--data-dir', dataDir])
        expect(code).toEqual(0)
        const { run, status, standIn, tasks } = resultOf(after)
        expect([run, status, standIn]).toEqual([await killed.run(), 'completed', true])
        expect(tasks.map(({ task, state: end }) => [task, end])).toEqual(AGENTS.map((task) => [task, 'completed']))
        expect(await storedCreations(dataDir)).toEqual(createdOnce(run, AGENTS))

        // What was durable but not yet printed when it was killed is in neither output; nothing is in both.
        const first = recordsOf(before)
        const second = recordsOf(after)
        const from = second[0]?.seq ?? 0
        expect(from).toBeGreaterThan(first.length)
        expect(second.map(({ seq }) => seq)).toEqual(range(from, from + second.length - 1))
        const whole = await terminal.records(run, dataDir)
        expect(whole.map(({ seq }) => seq)).toEqual(range(1, from + second.length - 1))
        for (const agent of AGENTS.filter((name) => name !== 'manager')) {
          expect(statesOf(whole, agent).at(-1)).toEqual('completed')
        }
      },
    )
  }

  inTerminal('completes however often it is killed', async ({ terminal }) => {
    const dataDir = await terminal.folder()
    // A create that was cut off counts against the window all the same: ten a minute would make this wait.
    const flags = ['--speed', '8', '--limit', 'codegen.create=none', '--json', '--data-dir', dataDir]
    const first = terminal.start([...FEATURE, ...flags])
    await first.sawState('research', 'running')
    first.signal('SIGKILL')
    await first.ended
    for (const actor of ['spec', 'plan', 'execute[0]', 'review']) {
      const next = terminal.start(['resume', '--json', '--data-dir', dataDir])
      // Whatever it says of the actor: how far it got before the last kill depends on the machine.
      await next.saw(new RegExp(`"id":"${actor.replace(/[[\]]/g, '\\$&')}"\\},`))
      next.signal('SIGKILL')
      await next.ended
    }
    const { code, stdout } = await terminal.troupe(['resume', '--json', '--data-dir', dataDir])
    expect([code, resultOf(stdout).status]).toEqual([0, 'completed'])
    expect(await storedCreations(dataDir)).toEqual(createdOnce(await first.run(), AGENTS))
  })

  inTerminal('goes on although another run of the folder is damaged, which is said', async ({ terminal }) => {
    const dataDir = await terminal.folder()
    const runs: string[] = []
    for (let n = 0; n < 2; n++) {
      const killed = terminal.start(['run', 'examples/sequential.yaml', '--json', '--data-dir', dataDir])
      runs.push(await killed.run())
      killed.signal('SIGKILL')
      await killed.ended
    }
    const [damaged = '', whole = ''] = runs
    const definition = join(dataDir, 'runs', damaged, 'workflow.json')
    await writeFile(definition, (await readFile(definition, 'utf8')).replace('sequential', 'sequentiaI'))
    const { code, stdout, stderr } = await terminal.troupe(['resume', '--json', '--speed', '20', '--data-dir', dataDir])
    expect([code, resultOf(stdout).run, resultOf(stdout).status]).toEqual([2, whole, 'completed'])
    expect(stderr).toContain(`troupe: ${damaged} was not resumed: ${definition} is damaged`)
  })
})
