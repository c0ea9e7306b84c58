import { describe, expect } from 'vitest'
import { inTerminal, range, recordsOf, resultOf, statesOf, storedCreations } from './command-line.ts'

const FEATURE = ['examples/feature-development.yaml', '--input', 'feature_request=Add login', '--speed', '20']
const AGENTS = ['research', 'spec', 'plan', 'execute[0]', 'execute[1]', 'execute[2]', 'execute[3]', 'review']
const NO_ACCOUNT =
  'Neither CODEGEN_API_TOKEN nor CODEGEN_API_BASE_URL is set: the embedded stand-in plays Codegen, no real agent works.\n'
const LONG = `
name: long
defaults: { repository: acme/shop, retry: { attempts: 1 } }
tasks:
  quick: { prompt: Be quick, simulate: { duration: 50ms, result: Quick. } }
  slow: { prompt: Take your time, needs: [quick], simulate: { duration: 10m, result: Slow. } }
`

describe.concurrent('a run in this terminal', () => {
  inTerminal(
    'prints gap-free records, each agent through all its states, and one result line',
    async ({ terminal }) => {
      const dataDir = await terminal.folder()
      const { code, stdout, stderr } = await terminal.troupe(['run', ...FEATURE, '--data-dir', dataDir, '--json'])
      const records = recordsOf(stdout)
      expect([code, stderr]).toEqual([0, NO_ACCOUNT])
      expect(records.map(({ seq }) => seq)).toEqual(range(1, records.length))
      for (const agent of AGENTS) {
        expect([agent, ...statesOf(records, agent)]).toEqual([
          agent,
          'pending',
          'creating',
          'running',
          'reporting',
          'completed',
        ])
      }
      expect(statesOf(records, 'supervisor')).toEqual(['starting', 'running', 'finishing', 'completed'])
      const result = resultOf(stdout)
      const { run } = result
      expect({ ...result, tasks: result.tasks.map(({ url: _url, pullRequests: _pulls, ...task }) => task) }).toEqual({
        type: 'result',
        run,
        status: 'completed',
        standIn: true,
        tasks: [...AGENTS, 'manager'].map((task) => ({ task, state: 'completed', attempts: 1 })),
      })
      for (const { task, url, pullRequests } of result.tasks) {
        expect(url).toMatch(/^https:\/\/stand-in\.invalid\/agent\/trace\/\d+$/)
        expect(pullRequests.map((pull) => Object.keys(pull))).toEqual(
          task.startsWith('execute') ? [['url', 'title', 'branch']] : [],
        )
      }
      expect(await storedCreations(dataDir)).toEqual(
        Object.fromEntries([...AGENTS, 'manager'].map((task) => [`${run}/${task.replace(/\[(\d+)\]/, '[$1]')}/1`, 1])),
      )
    },
  )

  inTerminal(
    'says in one line that no account is set, and ends with a summary and what to type next',
    async ({ terminal }) => {
      const dataDir = await terminal.folder()
      const { code, stdout, stderr } = await terminal.troupe([
        ...['run', 'examples/sequential.yaml', '--speed', '20'],
        ...['--data-dir', dataDir],
      ])
      expect([code, stderr]).toEqual([0, ''])
      const [run = ''] = /run_\w+/.exec(stdout) ?? []
      expect(stdout.split(NO_ACCOUNT)).toHaveLength(2)
      expect(stdout).toContain(`✔ ${run} completed, 3 of 3 completed, 3 attempts, `)
      expect(stdout).toContain(`\nNext:\n  troupe show ${run} --data-dir ${dataDir}\n`)
    },
  )

  for (const [signal, exitCode] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    inTerminal(`${signal} stops it cleanly with ${exitCode} and the command that resumes it`, async ({ terminal }) => {
      const dataDir = await terminal.folder()
      const file = await terminal.workflow(LONG)
      const command = terminal.start(['run', file, '--data-dir', dataDir])
      await command.saw(/slow creating -> running/)
      command.signal(signal)
      const { code, stdout, stderr } = await command.ended
      const run = await command.run()
      expect([code, stderr]).toEqual([exitCode, ''])
      expect(stdout).toContain(`● ${run} running, 1 of 2 completed`)
      expect(stdout).toContain(`\n  troupe resume ${run} --data-dir ${dataDir}\n`)
    })

    inTerminal(`${signal} with --json still prints the result line last`, async ({ terminal }) => {
      const dataDir = await terminal.folder()
      const file = await terminal.workflow(LONG)
      const command = terminal.start(['run', file, '--data-dir', dataDir, '--json'])
      await command.sawState('slow', 'running')
      command.signal(signal)
      const { code, stdout, stderr } = await command.ended
      const run = await command.run()
      expect(code).toEqual(exitCode)
      expect(stderr).toEqual(`${NO_ACCOUNT}${run}: Stopped. Agents that run go on at their backend.\n`)
      const { tasks, ...rest } = resultOf(stdout)
      expect(rest).toEqual({ type: 'result', run, status: 'running', standIn: true })
      expect(tasks.map(({ task, state, attempts }) => [task, state, attempts])).toEqual([
        ['quick', 'completed', 1],
        ['slow', 'running', 1],
      ])
      const records = recordsOf(stdout)
      expect(records.map(({ seq }) => seq)).toEqual(range(1, records.length))
    })
  }
})
