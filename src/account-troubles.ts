import { type AgentEnd, agentEnd } from './agent-end.ts'
import { formatKey } from './domain/ids.ts'
import type { RunRecord } from './domain/record.ts'
import type { RunHost } from './host/run-host.ts'
import type { CircuitChange } from './limits/account-circuit.ts'
import type { Circuits } from './limits/circuits.ts'
import { backendsOf } from './workflow-backends.ts'

/** What the circuits of accounts are told of runs, and runs of circuits. */
export interface AccountTroublesOptions {
  readonly circuits: Circuits
  readonly hosts: () => Iterable<RunHost>
  /** The account of a backend that is open. */
  readonly accountOf: (backend: string) => string
}

/** Tells the circuits how agents end, and each unfinished run when a circuit of an account that it uses opens and closes. */
export class AccountTroubles {
  readonly #options: AccountTroublesOptions

  constructor(options: AccountTroublesOptions) {
    this.#options = options
    options.circuits.onChange((change) => this.#changed(change))
  }

  /** Records of a run became durable. `accountOf` tells the account of one of its tasks. */
  saw(records: readonly RunRecord[], accountOf: (task: string) => string): void {
    for (const record of records) {
      const end = agentEnd(record)
      if (end !== undefined) this.#count(record, end, accountOf(record.actor.id))
    }
  }

  /** A run was begun: it is told of what it begins in. */
  tellBegun(host: RunHost): void {
    for (const backend of backendsOf(host.workflow)) {
      const account = this.#options.accountOf(backend)
      for (const trouble of this.#options.circuits.troubles(account)) {
        host.alert('circuit-open', openMessage(account, trouble))
      }
    }
  }

  /** A person wants to see whether an account works again: its next creation is tried now. */
  tryNow(accounts: readonly string[]): void {
    for (const account of accounts) this.#options.circuits.tryNow(account)
  }

  #count({ run, actor, attempt = 1 }: RunRecord, end: AgentEnd, account: string): void {
    const { circuits } = this.#options
    if (end.how === 'completed') circuits.completed(account)
    else circuits.ended(account, formatKey({ run, task: actor.id, attempt }), end.reason)
  }

  /** Each opening is told once: that a probe failed and it stays open is no news. */
  #changed({ account, name, before, after }: CircuitChange): void {
    if (before.state !== 'closed' && after.state !== 'closed') return
    const opened = after.state !== 'closed'
    const message = opened
      ? openMessage(account, this.#options.circuits.troubles(account).at(-1) ?? '')
      : `${name === 'calls' ? `Calls to ${account} succeed` : `Agent runs at ${account} complete`} again.`
    // What was told may be in the middle of another step of this very run.
    queueMicrotask(() => {
      for (const host of this.#options.hosts()) {
        if (this.#concerns(host, account)) host.alert(opened ? 'circuit-open' : 'circuit-closed', message)
      }
    })
  }

  #concerns(host: RunHost, account: string): boolean {
    if (host.closed || (host.status !== 'running' && host.status !== 'paused')) return false
    return [...backendsOf(host.workflow)].some((backend) => this.#options.accountOf(backend) === account)
  }
}

function openMessage(account: string, trouble: string): string {
  return `No agent is created at ${account} for now: ${trouble}. What waits loses no attempt.`
}
