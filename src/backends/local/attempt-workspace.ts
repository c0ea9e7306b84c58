import { createHash } from 'node:crypto'
import { rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BackendError } from '../../domain/errors.ts'
import { type AttemptKey, formatKey } from '../../domain/ids.ts'
import type { CheckResult, CheckSpec, CollectedWork, WorkspaceOrder } from '../../domain/local-work.ts'
import { agentEnvironment } from './agent-environment.ts'
import type { AttemptState } from './attempt-facts.ts'
import type { AttemptNotes } from './attempt-notes.ts'
import { KEPT } from './attempt-work.ts'
import type { LocalAgent } from './conversation.ts'
import { holdNewFolder } from './held-folder.ts'
import type { LocalMachine } from './local-machine.ts'
import { makeFolders } from './make-folders.ts'
import { ATTEMPT_MARK, OWNER_MARK, sweep } from './process-marks.ts'
import { runCommands } from './run-commands.ts'
import { TREE } from './work-place.ts'
import type { PreparedWorktree, WorktreeOrder } from './worktrees.ts'

/** How long each setup command may take. */
const SETUP_MS = 15 * 60_000
/** What a failed setup command's message may quote of its output, characters. */
const QUOTED = 1_500

/** Where one attempt works: its worktree, its environment, what is run and collected there. */
export class AttemptWorkspace {
  readonly #key: AttemptKey
  readonly #agent: LocalAgent
  readonly #machine: LocalMachine
  readonly #notes: AttemptNotes

  constructor(key: AttemptKey, agent: LocalAgent, machine: LocalMachine, notes: AttemptNotes) {
    this.#key = key
    this.#agent = agent
    this.#machine = machine
    this.#notes = notes
  }

  /** A UUID that is always this attempt's. */
  async uuid(): Promise<string> {
    const owner = await this.#machine.owner()
    const hex = createHash('sha256')
      .update(`${owner} ${formatKey(this.#key)}`)
      .digest('hex')
    const variant = '89ab'.charAt(Number.parseInt(hex.charAt(16), 16) % 4)
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
  }

  /** The agent's whole environment. */
  async environment(): Promise<Record<string, string>> {
    const { env: names, set, home } = this.#agent
    return this.#environment(names, set, '', home === 'private' ? await this.#machine.home(this.#key) : undefined)
  }

  /** Where its worktree is made. */
  async path(): Promise<string> {
    return join(await this.#machine.place(this.#key), TREE)
  }

  /**
   * The worktree, made where it is not there, with its setup done. Safe to call again. Throws BackendError. `onFolder` is called when the
   * folder of a new one is there, empty, and told when it is whole; not where a setup will take its time.
   */
  async prepare(
    order: WorkspaceOrder,
    signal: AbortSignal,
    onFolder?: (whole: Promise<void>) => void,
  ): Promise<PreparedWorktree> {
    const { clock } = this.#machine
    const isNew = this.#notes.state === undefined
    const base = await this.#baseOf(order, signal)
    if (this.#notes.state?.turn === 0 || this.#notes.state === undefined)
      await this.#notes.note({ fact: 'ordered', backend: this.#agent.id, workspace: order, base })
    const place = await this.#machine.place(this.#key)
    await clock.operation(makePlace(place))
    const { repository, needs, onConflict, setup } = order
    const path = join(place, TREE)
    const wanted = { key: this.#key, repository, base, needs, onConflict, path, isNew }
    const isEarly = onFolder !== undefined && isNew && setup.length === 0
    const folder = isEarly ? await clock.operation(holdNewFolder(path)) : undefined
    const made = this.#make(order, wanted, signal)
    if (folder === undefined) return made
    const whole = made.then(() => clock.operation(folder.staysInPlace()))
    onFolder?.(whole)
    await Promise.allSettled([whole])
    await clock.operation(folder.letGo())
    return made
  }

  async #make(order: WorkspaceOrder, wanted: WorktreeOrder, signal: AbortSignal): Promise<PreparedWorktree> {
    const prepared = await this.#machine.worktrees.prepare(wanted, signal)
    if (this.#notes.state?.worktree === undefined) await this.#notes.note({ fact: 'workspace', worktree: prepared })
    if (this.#notes.state?.ready !== true) await this.#setUp(order, prepared, signal)
    return prepared
  }

  /** Commits what was left until the end of `turn`; what was collected of it before is told again. */
  async collect(turn: number, signal: AbortSignal): Promise<{ work: CollectedWork; conflictsLeft: readonly string[] }> {
    const { collected } = this.#known()
    if (collected?.turn === turn) return { work: collected.work, conflictsLeft: [] }
    const prepared = await this.#again(signal)
    const { task, attempt } = this.#key
    const message = `troupe: ${task}, attempt ${attempt}, turn ${turn}`
    const { work, conflictsLeft, stashed } = await this.#machine.worktrees.collect(prepared, message, signal)
    if (conflictsLeft.length === 0) await this.#notes.note({ fact: 'collected', turn, work, stashed })
    return { work, conflictsLeft }
  }

  /** Commits, then runs the check on what was committed. Nothing that it started is left when this resolves. */
  async check(turn: number, check: CheckSpec, signal: AbortSignal): Promise<CheckResult> {
    const { conflictsLeft } = await this.collect(turn, signal)
    if (conflictsLeft.length > 0) return markersLeft(check, conflictsLeft)
    const { path } = await this.#again(signal)
    const { commands, timeoutMs } = check
    return this.#run(commands, path, timeoutMs, signal)
  }

  /**
   * Keeps what was left under the attempt's branch, and its smaller ignored files, then removes the worktree. Nothing that bears the
   * attempt's mark may run any more.
   */
  async release(): Promise<void> {
    const state = this.#notes.state
    if (state === undefined || state.released) return
    const never = new AbortController().signal
    const { worktree, turn, collected } = state
    if (worktree === undefined) {
      await this.#abandon(state)
      await this.#removePlace()
      await this.#notes.note({ fact: 'released', kept: [] })
      return
    }
    const { worktrees } = this.#machine
    // What has come since its last turn was collected is a check's, and none of its work.
    if (collected?.turn !== turn) await this.#collectLeft(worktree, turn, collected?.work.commit)
    const { kept } = await worktrees.clean(worktree, join(this.#notes.folder, KEPT), never)
    await this.#removePlace()
    await this.#notes.note({ fact: 'released', kept })
  }

  /** Its agent was told nothing: what there is of its worktree, or the empty folder that it was started in, is no work. */
  async #abandon({ workspace: { repository } }: AttemptState): Promise<void> {
    const { clock, worktrees } = this.#machine
    const path = await this.path()
    const isEmpty = await clock.operation(rmdir(path).then(isTrue, ({ code }) => code === 'ENOENT'))
    const abandoned = worktrees.abandon(repository, path, new AbortController().signal)
    // Where there is nothing of it there may be no repository either: that was why it was refused.
    await (isEmpty ? abandoned.catch(() => {}) : abandoned)
  }

  /** What else lies there, a home, is still in use by the run: then it stays. */
  async #removePlace(): Promise<void> {
    const place = await this.#machine.place(this.#key)
    for (const folder of [place, dirname(place)]) await this.#machine.clock.operation(rmdir(folder).catch(() => {}))
  }

  async #collectLeft(worktree: PreparedWorktree, turn: number, before: string | undefined): Promise<void> {
    const { task, attempt } = this.#key
    const message = `troupe: what attempt ${attempt} of ${task} left`
    const never = new AbortController().signal
    const { work, stashed } = await this.#machine.worktrees.collect(worktree, message, never)
    if (before !== work.commit && (work.commits > 0 || before !== undefined))
      await this.#notes.note({ fact: 'collected', turn, work, stashed })
  }

  /** Ends everything that runs for the attempt, checks included. */
  async sweep(): Promise<void> {
    const { clock } = this.#machine
    await sweep(ATTEMPT_MARK, formatKey(this.#key), { clock })
    await sweep(ATTEMPT_MARK, checkMark(this.#key), { clock })
  }

  async #setUp({ setup }: WorkspaceOrder, { path }: PreparedWorktree, signal: AbortSignal): Promise<void> {
    if (setup.length > 0) {
      const done = await this.#run(setup, path, SETUP_MS, signal)
      if (!done.passed) {
        const how = done.trouble ?? `ended with code ${done.exitCode}`
        const message = `The setup command '${done.command.join(' ')}' ${how} in a new worktree: ${done.output.slice(-QUOTED).trim()}`
        throw new BackendError(message, { kind: 'refused', retryable: false, certain: true })
      }
    }
    await this.#notes.note({ fact: 'ready' })
  }

  async #run(commands: CheckSpec['commands'], cwd: string, timeoutMs: number, signal: AbortSignal) {
    const { clock } = this.#machine
    const env = await this.#environment([], {}, '#check', undefined)
    try {
      return await runCommands(commands, { clock, cwd, env, timeoutMs, signal })
    } finally {
      // Servers and watchers that a test has left behind. The agent itself bears another mark.
      await sweep(ATTEMPT_MARK, checkMark(this.#key), { clock })
    }
  }

  async #baseOf(order: WorkspaceOrder, signal: AbortSignal): Promise<string> {
    return this.#notes.state?.runBase ?? this.#machine.base(this.#key.run, order.repository, signal)
  }

  /** The worktree as it was, made again from its branch where it has gone. */
  async #again(signal: AbortSignal): Promise<PreparedWorktree> {
    const { workspace, worktree } = this.#known()
    return worktree ?? this.prepare(workspace, signal)
  }

  async #environment(
    names: readonly string[],
    set: Readonly<Record<string, string>>,
    suffix: string,
    home: string | undefined,
  ): Promise<Record<string, string>> {
    const marks = { [ATTEMPT_MARK]: `${formatKey(this.#key)}${suffix}`, [OWNER_MARK]: await this.#machine.owner() }
    return agentEnvironment({ own: this.#machine.env, names, set, marks, ...(home === undefined ? {} : { home }) })
  }

  #known(): AttemptState {
    const { state } = this.#notes
    if (state !== undefined) return state
    throw new BackendError(`Nothing is known of ${formatKey(this.#key)} on this machine`, {
      kind: 'not-found',
      retryable: false,
      certain: true,
    })
  }
}

async function makePlace(place: string): Promise<void> {
  try {
    await makeFolders(place)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const message = `The folder for a worktree, ${place}, cannot be made: ${reason}. Set TROUPE_WORK_DIR, or workDir in troupe.config.yaml.`
    throw new BackendError(message, { kind: 'refused', retryable: false, certain: true, cause })
  }
}

const isTrue = () => true
const checkMark = (key: AttemptKey) => `${formatKey(key)}#check`

function markersLeft({ commands: [first = ['true'] as const] }: CheckSpec, files: readonly string[]): CheckResult {
  const listed = files.slice(0, 20).join(', ')
  const trouble = `was not run: conflict markers are left in ${listed}`
  return { passed: false, command: first, exitCode: null, trouble, output: '', ms: 0 }
}
