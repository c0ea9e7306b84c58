import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import { acpAgent } from '../../src/backends/acp/acp-agents.ts'
import { commandAgent } from '../../src/backends/command/command-agents.ts'
import { parseConfig } from '../../src/cli/parse-config.ts'
import { loadWorkflow } from '../../src/workflow/load.ts'

const page = readFileSync(resolve(import.meta.dirname, '../../docs/local-agents.md'), 'utf8')
const [workflow = '', config = ''] = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text)

it('shows a workflow that is valid', () => {
  const { tasks } = loadWorkflow({ file: 'page.yaml', text: `name: page\n${workflow}` })
  expect(tasks.map(({ id, backend, check, setup }) => [id, backend, check?.commands, setup])).toEqual([
    ['plan', 'acp:claude', undefined, [['npm', 'ci']]],
    [
      'build',
      'acp:claude',
      [
        ['npm', 'run', 'lint'],
        ['npm', 'test'],
      ],
      [['npm', 'ci']],
    ],
    [
      'review',
      'acp:claude',
      [
        ['npm', 'run', 'lint'],
        ['npm', 'test'],
      ],
      [['npm', 'ci']],
    ],
  ])
})

it('describes agents that can be made', () => {
  const { agents = { command: {}, acp: {} } } = parseConfig({ file: 'page.yaml', text: config })
  const made = [
    ...Object.entries(agents.command).map(([name, described]) => commandAgent(name, described)),
    ...Object.entries(agents.acp).map(([name, described]) => acpAgent(name, described)),
  ]
  expect(made.map((agent) => [agent?.id, agent?.memoryMb, agent?.abilities.resume])).toEqual([
    ['command:mine', 300, true],
    ['command:plain', 600, false],
    ['command:claude', 600, true],
    ['acp:gemini', 800, false],
  ])
})
