import type { Failure } from './domain/backend.ts'
import type { Limiter } from './domain/limiter.ts'
import type { RunHost } from './host/run-host.ts'
import { backendsOf } from './workflow-backends.ts'

/** Accounts that refused for good (402, 401, 403): nobody creates anything there, and every run that uses one says so and waits. */
export class AccountBlocks {
  readonly #limiter: Limiter
  readonly #accountOf: (backend: string) => string
  readonly #blocked = new Map<string, Failure>()
  #told = new WeakMap<RunHost, string>()

  constructor(limiter: Limiter, accountOf: (backend: string) => string) {
    this.#limiter = limiter
    this.#accountOf = accountOf
  }

  block(account: string, failure: Failure, hosts: Iterable<RunHost>): void {
    this.#blocked.set(account, failure)
    this.#limiter.closeAccount(account, kindOf(failure), failure.message)
    for (const host of hosts) this.pauseIfBlocked(host)
  }

  /** Somebody said to go on: what was closed is tried again. */
  open(accounts: readonly string[]): void {
    this.#told = new WeakMap()
    for (const account of accounts) {
      this.#blocked.delete(account)
      this.#limiter.openAccount(account)
    }
  }

  pauseIfBlocked(host: RunHost): void {
    for (const backend of backendsOf(host.workflow)) {
      const failure = this.#blocked.get(this.#accountOf(backend))
      if (failure === undefined || (host.status !== 'running' && host.status !== 'paused')) continue
      // Several agents of a run may be refused before it pauses: it is told once.
      if (this.#told.get(host) !== failure.message) host.alert(kindOf(failure), failure.message)
      this.#told.set(host, failure.message)
      if (host.status === 'running') host.pause({ kind: kindOf(failure), message: failure.message })
    }
  }
}

function kindOf(failure: Failure): 'auth' | 'quota' {
  return failure.kind === 'auth' ? 'auth' : 'quota'
}
