import type {
  AgentRunRef,
  AgentRunState,
  Backend,
  BackendCapabilities,
  BackendErrorKind,
} from '../../src/domain/backend.ts'
import { BackendError } from '../../src/domain/errors.ts'

/** An agent run of the scripted backend. */
export const REF: AgentRunRef = { backend: 'scripted', id: '1', url: 'https://agents.invalid/1' }

/** What a backend says of an agent run. */
export function stateOf(status: AgentRunState['status'], rest: Partial<AgentRunState> = {}): AgentRunState {
  return { status, rawStatus: status.toUpperCase(), pullRequests: [], at: 0, ...rest }
}

/** An error as a backend throws it: nothing was done, and it may be tried again. */
export function backendError(
  kind: BackendErrorKind,
  rest: { retryable?: boolean; certain?: boolean; notBefore?: number } = {},
) {
  return new BackendError(`It said ${kind}`, { kind, retryable: true, certain: true, ...rest })
}

/** Gives one answer after the other, and the last for ever; an Error is thrown. */
export function inTurn<T>(...answers: readonly (T | Error)[]): () => Promise<T> {
  let next = 0
  return async () => {
    const answer = answers[Math.min(next++, answers.length - 1)]
    if (answer instanceof Error) throw answer
    if (answer === undefined) throw new Error('No answer was given')
    return answer
  }
}

type Methods =
  | 'create'
  | 'find'
  | 'read'
  | 'follow'
  | 'prompt'
  | 'steer'
  | 'findTurn'
  | 'cancel'
  | 'logs'
  | 'check'
  | 'collect'

/** A backend of which every method does what it is told. */
export interface ScriptedBackend extends Backend {
  /** What was called, in order: the method and, for those that take one, the turn or text. */
  readonly calls: string[]
  /** Tells whoever follows that it is time to read. */
  hint(): void
  /** Whoever follows a run now. */
  followers(): number
}

const NEVER = () => Promise.reject(new Error('This was not expected to be called'))

/** A backend with `script`; capabilities are those of a service that cannot stop an agent run. */
export function scriptedBackend(
  script: Partial<Pick<Backend, Methods>> & {
    readonly capabilities?: Partial<BackendCapabilities>
    readonly graceMs?: number
  } = {},
): ScriptedBackend {
  const calls: string[] = []
  const following = new Set<() => void>()
  const said = <Arguments extends unknown[], Result>(method: string, run: (...all: Arguments) => Promise<Result>) => {
    return (...all: Arguments): Promise<Result> => {
      calls.push(method)
      return run(...all)
    }
  }
  const follow: Backend['follow'] = (_ref, onHint, signal) =>
    new Promise((resolve) => {
      following.add(onHint)
      signal.addEventListener('abort', () => {
        following.delete(onHint)
        resolve()
      })
    })
  return {
    id: 'scripted',
    account: 'scripted',
    createBuckets: ['scripted.create'],
    graceMs: script.graceMs ?? 30_000,
    capabilities: {
      idempotentCreate: false,
      cancel: script.cancel !== undefined,
      resumeAfterRestart: true,
      turns: true,
      logs: true,
      steer: false,
      usage: false,
      ...script.capabilities,
    },
    calls,
    hint: () => {
      for (const onHint of [...following]) onHint()
    },
    followers: () => following.size,
    create: said('create', script.create ?? NEVER),
    find: said('find', script.find ?? NEVER),
    read: said('read', script.read ?? NEVER),
    follow: script.follow ?? follow,
    prompt: said('prompt', script.prompt ?? NEVER),
    findTurn: said('findTurn', script.findTurn ?? NEVER),
    ...(script.steer === undefined ? {} : { steer: said('steer', script.steer) }),
    ...(script.cancel === undefined ? {} : { cancel: said('cancel', script.cancel) }),
    ...(script.logs === undefined ? {} : { logs: said('logs', script.logs) }),
    ...(script.check === undefined ? {} : { check: said('check', script.check) }),
    ...(script.collect === undefined ? {} : { collect: said('collect', script.collect) }),
    close: async () => {},
  }
}
