import type { AgentOrder, AgentRunState, LogEntry, TurnPrompt } from '../../domain/backend.ts'
import { BackendError } from '../../domain/errors.ts'
import { type AttemptKey, formatKey } from '../../domain/ids.ts'
import type { CheckResult, CheckSpec, CollectedWork, WorkspaceOrder } from '../../domain/local-work.ts'
import type { AttemptState } from './attempt-facts.ts'
import { keepImages } from './attempt-images.ts'
import { AttemptLog, readAttemptLog } from './attempt-log.ts'
import type { AttemptNotes } from './attempt-notes.ts'
import { AttemptTurns, messageOf } from './attempt-turns.ts'
import { AttemptWorkspace } from './attempt-workspace.ts'
import { conflictText } from './continuation.ts'
import type { LocalAgent } from './conversation.ts'
import type { LocalMachine } from './local-machine.ts'
import type { PreparedWorktree } from './worktrees.ts'

/** One attempt at a local agent: its notes, its turns, its worktree. One change of its life happens at a time. */
export class LocalAttempt {
  readonly key: AttemptKey
  readonly #agent: LocalAgent
  readonly #machine: LocalMachine
  readonly #notes: AttemptNotes
  readonly #log: AttemptLog
  readonly #workspace: AttemptWorkspace
  readonly #turns: AttemptTurns
  readonly #listeners = new Set<() => void>()
  #queue: Promise<unknown> = Promise.resolve()
  #waiting = 0
  /** Being ended: nothing that was interrupted goes on. */
  #ending = false
  #resuming = false

  constructor(key: AttemptKey, agent: LocalAgent, machine: LocalMachine, notes: AttemptNotes) {
    this.key = key
    this.#agent = agent
    this.#machine = machine
    this.#notes = notes
    this.#log = new AttemptLog(notes.folder, machine.clock)
    this.#workspace = new AttemptWorkspace(key, agent, machine, notes)
    const own = { key, agent, machine, notes, log: this.#log, workspace: this.#workspace }
    this.#turns = new AttemptTurns({ ...own, onChange: () => this.#changed() })
  }

  get known(): AttemptState | undefined {
    return this.#notes.state
  }

  /** Nothing of it is in this process, and nothing is being done about it: it can be forgotten. */
  get isOver(): boolean {
    return this.#waiting === 0 && !this.#turns.isRunning && this.known?.released !== false
  }

  /** Makes its worktree, opens the conversation and sends the first turn, unless that was done before. Throws BackendError. */
  begin(order: AgentOrder, signal: AbortSignal): Promise<void> {
    return this.#alone(async () => {
      if ((this.known?.turn ?? 0) > 0) return
      signal.throwIfAborted()
      if (order.workspace === undefined) throw refused(`${this.#agent.id} needs a repository to work in`)
      await this.#machine.guarded()
      if (order.model !== undefined) await this.#notes.write('model', order.model)
      await keepImages(this.#notes, order.images ?? [], this.#machine.clock)
      const { conflicts } = await this.#prepareAndOpen(order.workspace, signal)
      const text = conflicts.length > 0 ? `${conflictText(conflicts)}\n\n${order.prompt}` : order.prompt
      signal.throwIfAborted()
      await this.#turns.send(1, text)
    })
  }

  /** Sends a further turn, unless it was sent before; or answers what the agent asks in the one under way. */
  prompt({ turn, text, answer }: TurnPrompt, signal: AbortSignal): Promise<void> {
    return this.#alone(async () => {
      const { turn: last, end, workspace } = this.#stateOf()
      if (last >= turn) return
      if (this.#turns.asks) return this.#turns.answer(turn, answer ?? text)
      if (end === undefined) throw refused(`${formatKey(this.key)} is at work and takes no turn`, true)
      if (end.kind === 'stopped') throw refused(`${formatKey(this.key)} was stopped and takes no turn`)
      await this.#machine.guarded()
      await this.#workspace.prepare(workspace, signal)
      await this.#turns.open(signal)
      signal.throwIfAborted()
      await this.#turns.send(turn, text)
    })
  }

  steer(text: string): Promise<'injected' | 'no-turn'> {
    return this.#turns.steer(text)
  }

  /** How it stands: of this process where it is at work, else what its notes say. */
  async read(): Promise<AgentRunState> {
    const state = this.known
    const at = this.#machine.clock.now()
    if (state === undefined || state.turn === 0) return { status: 'gone', rawStatus: null, pullRequests: [], at }
    const { end, turn, usage } = state
    const base = { pullRequests: [], at, ...(usage === undefined ? {} : { usage }) }
    if (end === undefined) {
      const standing = this.#turns.standing()
      return { ...base, ...standing, ...(standing.status === 'paused' ? { turn } : {}) }
    }
    if (end.kind === 'stopped') return { ...base, status: 'cancelled', rawStatus: 'stopped', turn }
    const result = (await this.#notes.read(`turn-${turn}.result.md`)) ?? ''
    if (end.kind === 'complete')
      return { ...base, status: 'complete', rawStatus: end.reason ?? 'complete', turn, result }
    const { failure } = end
    const why = failure === undefined ? {} : { failure, summary: failure.message }
    return { ...base, status: 'failed', rawStatus: failure?.kind ?? 'failed', turn, result, ...why }
  }

  /** Whether the prompt of a turn was sent, and has ended. */
  turnSeen(turn: number): 'answered' | 'seen' | 'absent' {
    const state = this.known
    if (state === undefined || state.turn < turn) return 'absent'
    return state.turn > turn || state.end !== undefined ? 'answered' : 'seen'
  }

  /** Calls whenever it may be time to read. Gives what stops that. */
  listen(onChange: () => void): () => void {
    this.#listeners.add(onChange)
    return () => this.#listeners.delete(onChange)
  }

  /** Goes on, in the background, with a turn that an earlier process left in the middle; nothing where there is none. */
  resume(): void {
    if (this.#resuming || !this.#isInterrupted()) return
    this.#resuming = true
    void this.#machine.gate
      .then(() => this.#alone(() => this.#resume()))
      .catch((error) => this.#log.say('ERROR', messageOf(error)))
      .finally(() => {
        this.#resuming = false
        this.#changed()
      })
  }

  /** Ends the turn under way, if there is one, as stopped. */
  async cancel(): Promise<void> {
    const stopping = this.#turns.stop()
    await this.#alone(async () => {
      await stopping
      // One may have begun meanwhile.
      await this.#turns.stop()
      await this.#workspace.sweep()
      const state = this.known
      if (state !== undefined && state.turn > 0 && state.end === undefined) {
        await this.#turns.noteEnd({ kind: 'stopped' }, '')
      }
    })
    this.#changed()
  }

  check(turn: number, check: CheckSpec, signal: AbortSignal): Promise<CheckResult> {
    return this.#alone(() => this.#workspace.check(turn, check, signal))
  }

  collect(turn: number, signal: AbortSignal): Promise<CollectedWork> {
    return this.#alone(async () => {
      const { work, conflictsLeft } = await this.#workspace.collect(turn, signal)
      if (conflictsLeft.length === 0) return work
      const files = conflictsLeft.slice(0, 20).join(', ')
      const message = `The agent has left conflict markers in ${files} (branch ${work.branch})`
      throw new BackendError(message, { kind: 'conflict', retryable: false, certain: true })
    })
  }

  /** Nobody needs it any more: stopped, its work kept, its worktree gone. Never rejects. */
  async release(): Promise<void> {
    this.#ending = true
    try {
      // Both before whatever is asked from now on: the same attempt may be created once more.
      await Promise.all([this.cancel(), this.#alone(() => this.#workspace.release())])
    } catch (error) {
      this.#log.say('ERROR', `Its worktree could not be let go: ${messageOf(error)}`)
    } finally {
      this.#ending = false
    }
    await this.#log.written()
  }

  /** troupe ends: what is under way is stopped, and goes on when the run is resumed. Never rejects. */
  async interrupt(): Promise<void> {
    this.#ending = true
    await this.#turns.interrupt().catch(() => {})
    await this.#queue
    await this.#turns.interrupt().catch(() => {})
    if (this.known !== undefined) await this.#workspace.sweep().catch(() => {})
    await this.#log.written()
  }

  async logs(limit: number): Promise<readonly LogEntry[]> {
    const newest = this.#log.newest(limit)
    if (newest.length >= limit) return newest
    await this.#log.written()
    return this.#machine.clock.operation(readAttemptLog(this.#notes.folder, limit))
  }

  /** Side by side, as far as the agent can be started before its files are there. */
  async #prepareAndOpen(workspace: WorkspaceOrder, signal: AbortSignal): Promise<PreparedWorktree> {
    const early = (whole: Promise<void>) => this.#turns.openEarly(whole, signal)
    try {
      const prepared = await this.#workspace.prepare(workspace, signal, early)
      await this.#turns.open(signal)
      return prepared
    } finally {
      await this.#turns.opened()
    }
  }

  #isInterrupted(): boolean {
    const state = this.known
    if (state === undefined || state.turn === 0 || state.end !== undefined || state.released) return false
    return !this.#turns.isRunning && !this.#ending
  }

  async #resume(): Promise<void> {
    if (!this.#isInterrupted()) return
    const { signal } = this.#turns
    await this.#machine.guarded()
    await this.#workspace.sweep()
    try {
      // An index.lock that a killed git has left is removed on the way.
      await this.#workspace.prepare(this.#stateOf().workspace, signal)
      await this.#turns.goOn('troupe', signal)
    } catch (error) {
      if (signal.aborted) return
      const failure = { ...failureOf(error), message: `It could not go on after troupe had ended: ${messageOf(error)}` }
      await this.#turns.noteEnd({ kind: 'failed', failure }, '')
    }
  }

  #stateOf(): AttemptState {
    const { state } = this.#notes
    if (state !== undefined) return state
    const message = `Nothing is known of ${formatKey(this.key)} on this machine`
    throw new BackendError(message, { kind: 'not-found', retryable: false, certain: true })
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }

  /** After all that was asked before. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    this.#waiting++
    const result = this.#queue.then(work).finally(() => this.#waiting--)
    this.#queue = result.catch(() => {})
    return result
  }
}

function refused(message: string, retryable = false): BackendError {
  return new BackendError(message, { kind: 'refused', retryable, certain: true })
}

function failureOf(error: unknown) {
  if (error instanceof BackendError && error.kind !== 'unknown-outcome') {
    const { kind, retryable, notBefore } = error
    return { kind, retryable, ...(notBefore === undefined ? {} : { notBefore }) }
  }
  return { kind: 'crashed', retryable: true } as const
}
