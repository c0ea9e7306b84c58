/** What a real agent that is started before its worktree is whole makes of what comes into it then: when these fail, an agent has changed. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { realClock } from '../../src/host/clock.ts'
import { deferred } from '../support/deferred.ts'
import { describeWithAgents } from '../support/describe-with-agents.ts'
import type { RealAgents } from '../support/real-agents.ts'
import { type RealBackend, realConversation } from '../support/real-conversation.ts'
import { until } from '../support/scripted-agent.ts'

const never = new AbortController().signal
const RULES = 'Say nothing of the moon.'

/** Fills the folder once its agent has been started, lets it do one turn, and gives what its model was asked first. */
async function askedFirst(agents: RealAgents, kind: RealBackend, files: Readonly<Record<string, string>>) {
  const whole = deferred()
  const { conversation, cwd, model, isUp } = await realConversation(agents, kind, { whole: whole.promise })
  const opening = conversation.open(never)
  await until(isUp, realClock)
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(cwd, name, '..'), { recursive: true })
    await writeFile(join(cwd, name), text)
  }
  whole.resolve()
  await opening
  expect(await conversation.turn('Do nothing.\n\n[troupe:run_1/spec/1/1]')).toMatchObject({ kind: 'complete' })
  return model.until(({ mark, side }) => mark === 'run_1/spec/1/1' && !side)
}

describeWithAgents('a real agent that was started before its worktree was whole', (agents) => {
  it.each(['command:codex', 'acp:codex', 'acp:claude'] as const)(
    '%s follows the instructions that lie there',
    { timeout: 60_000 },
    async (kind) => {
      const { before, told } = await askedFirst(agents, kind, {
        [kind === 'acp:claude' ? 'CLAUDE.md' : 'AGENTS.md']: RULES,
      })
      expect([...before, ...told].some((text) => text.includes(RULES))).toBe(true)
    },
  )

  it.each(['command:codex', 'acp:codex'] as const)(
    '%s works by the settings that lie there',
    { timeout: 60_000 },
    async (kind) => {
      const { model } = await askedFirst(agents, kind, { '.codex/config.toml': 'model = "gpt-5.4"\n' })
      expect(model).toBe('gpt-5.4')
    },
  )
})
