import type { RunSettings } from './domain/orchestration.ts'
import type { Workflow } from './domain/workflow.ts'
import type { AgentPolicy } from './machines/agent-context.ts'
import type { ManagerPolicy } from './machines/manager-context.ts'
import type { RunEnvironment } from './run-environment.ts'

const MANAGER_RETRY = { attempts: 3, delayMs: 2_000, factor: 2, maxDelayMs: 60_000 }

/** What policies are made of, beside the task's spec. */
interface PolicySources {
  readonly workflow: Workflow
  readonly settings: RunSettings
  readonly seed: number
}

/** What the machine of a task's agent must know of its spec and its backend. */
export function agentPolicy(task: string, environment: RunEnvironment, { seed, settings }: PolicySources): AgentPolicy {
  const { retry, timeoutMs, onFailure, approval, check } = environment.spec(task)
  const { capabilities } = environment.backendOf(task)
  return {
    ...retry,
    timeoutMs,
    onFailure,
    canCancel: capabilities.cancel,
    canPrompt: capabilities.turns,
    canSteer: capabilities.steer,
    ...(check === undefined || capabilities.worktree !== true ? {} : { check: check.rounds }),
    ...(approval === true ? { approval: settings.yes === true ? 'given' : 'ask' } : {}),
    seed,
  }
}

/** What the manager's machine must know of its spec. */
export function managerPolicy({ workflow, seed, settings }: PolicySources): ManagerPolicy {
  const { timeoutMs = 600_000, planning } = workflow.manager ?? {}
  if (planning === undefined) return { ...MANAGER_RETRY, timeoutMs, seed }
  return { ...MANAGER_RETRY, timeoutMs, seed, rounds: planning.rounds, yes: settings.yes === true }
}
