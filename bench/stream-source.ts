import type { StreamSource } from '../src/api/stream-source.ts'
import type { CommandReply } from '../src/domain/command.ts'
import type { RunRecord } from '../src/domain/record.ts'
import type { RunView } from '../src/domain/views.ts'
import { RUN, sharedNow } from './stream-messages.ts'

/** A run whose records are durable when they are emitted. */
export class SyntheticRun {
  readonly run = RUN
  readonly source: StreamSource
  seq = 0
  #listener: ((run: string, records: readonly RunRecord[]) => void) | undefined

  constructor() {
    const refuse = (): Promise<CommandReply> => Promise.reject(new Error('It takes no command.'))
    this.source = {
      orchestrator: {
        runs: () => [this.#view()],
        records: async () => [],
        subscribe: (listener) => {
          this.#listener = listener
          return () => {
            this.#listener = undefined
          }
        },
        command: refuse,
        commandTask: refuse,
      },
      views: { carried: () => this.#view(), read: async () => this.#view() },
    }
  }

  /** Makes records durable, as one group. */
  emit(count: number): void {
    const records = this.make(count)
    this.#listener?.(this.run, records)
  }

  /** The next records; what becomes of them is the caller's business. */
  make(count: number): readonly RunRecord[] {
    return Array.from({ length: count }, () => this.#record(++this.seq))
  }

  #record(seq: number): RunRecord {
    const task = `implement[${seq % 200}]`
    return {
      seq,
      at: new Date().toISOString(),
      type: 'transition',
      run: this.run,
      actor: { kind: 'agent', id: task },
      task,
      attempt: 1,
      event: 'xstate.done.actor.watchAgentRun',
      from: 'running',
      to: 'reporting',
      data: {
        emittedMs: sharedNow(),
        ref: {
          backend: 'codegen',
          id: String(900_000 + seq),
          url: `https://codegen.example/agent/trace/${900_000 + seq}`,
        },
        note: 'The agent run is complete; its report is read and checked next.',
      },
    }
  }

  #view(): RunView {
    return {
      run: this.run,
      name: 'bench',
      status: 'running',
      standIn: true,
      startedAt: '2026-01-02T12:00:00.000Z',
      seq: this.seq,
      inputs: {},
      tasks: [],
      counts: {},
      alerts: [],
      commands: [],
    }
  }
}
