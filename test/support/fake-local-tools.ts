import type { LocalAgent } from '../../src/backends/local/conversation.ts'
import { Git } from '../../src/backends/local/git.ts'
import { Worktrees } from '../../src/backends/local/worktrees.ts'
import type { LocalTools } from '../../src/cli/local-tools.ts'
import { BackendError } from '../../src/domain/errors.ts'
import { realClock } from '../../src/host/clock.ts'

/** The git of this machine, with agents of a test's own; a machine of 1 GB that is free. */
export function fakeLocalTools(...agents: readonly LocalAgent[]): LocalTools {
  const { signal } = new AbortController()
  const worktrees = new Worktrees({ clock: realClock })
  return {
    agents: async () => agents,
    git: (folder) => new Git({ clock: realClock, folder, signal, own: process.env, set: {} }),
    repository: (folder) => worktrees.open(folder, signal),
    worktrees,
    memory: () => ({ freeMb: 1000, capacity: (memoryMb) => Math.floor(1000 / memoryMb) }),
  }
}

/** An agent that is installed where `version` is given, and that nobody can talk to. */
export function fakeAgent(id: string, version?: string): LocalAgent {
  return {
    id,
    abilities: { steer: false, resume: false, usage: false },
    memoryMb: 250,
    env: [],
    set: {},
    async findProgram() {
      return (await this.locate({}, new AbortController().signal, realClock)).path
    },
    async locate() {
      if (version !== undefined) return { path: `/opt/${id.replace(':', '/')}`, version }
      const message = `The agent ${id} is not installed. Install it with npm install -g ${id.replace(':', '-')}.`
      throw new BackendError(message, { kind: 'refused', retryable: false, certain: true })
    },
    converse: () => {
      throw new Error(`${id} is only looked for here`)
    },
  }
}
