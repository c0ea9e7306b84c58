import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { workOf } from '../../src/backends/local/attempt-facts.ts'
import { attemptFolder, readNotes } from '../../src/backends/local/attempt-notes.ts'
import { createLocalBackend } from '../../src/backends/local/local-backend.ts'
import { LocalMachine } from '../../src/backends/local/local-machine.ts'
import { ATTEMPT_MARK, findMarked, OWNER_MARK, sweep } from '../../src/backends/local/process-marks.ts'
import type { AgentOrder, AgentRunRef, Backend } from '../../src/domain/backend.ts'
import type { Clock, TimerHandle } from '../../src/domain/clock.ts'
import { createRunId, formatKey } from '../../src/domain/ids.ts'
import type { AttemptWork } from '../../src/domain/local-work.ts'
import { realClock } from '../../src/host/clock.ts'
import { git, makeRepository } from '../support/git-repository.ts'
import type { AgentPlace, Player } from './local-player.ts'
import { type Act, type Given, type LocalParts, never, type Stage } from './stage.ts'

/** A troupe's part of a subject: what is needed to work with its agents in any process. */
export interface Troupe {
  readonly backend: Backend
  readonly machine: LocalMachine
}

/** Opens a troupe over the data of a subject; one at a time. */
export function openTroupe(root: string, agent: Player['agent'], clock: Clock): Troupe {
  const machine = new LocalMachine({
    clock,
    dataDir: join(root, 'data'),
    runFolder: (run) => join(root, 'data', run),
    workDir: join(root, 'work'),
    env: { PATH: process.env['PATH'], LANG: 'C.UTF-8', HOME: join(root, 'home') },
    gate: Promise.resolve(),
  })
  return { machine, backend: createLocalBackend({ agent, machine }) }
}

/** Makes a repository and opens a troupe that works there with the player's agent. */
export async function openLocalStage(name: string, make: (place: AgentPlace) => Promise<Player>): Promise<Stage> {
  const root = await mkdtemp(join(tmpdir(), 'troupe-contract-'))
  for (const folder of ['data', 'home', 'shop']) await mkdir(join(root, folder))
  await makeRepository(join(root, 'shop'))
  const player = await make({ name, root, modelUrl: '' })
  return new LocalStage(name, root, player)
}

class LocalStage implements Stage, LocalParts {
  readonly #name: string
  readonly #root: string
  readonly #run = createRunId(Date.now(), Math.random)
  readonly #player: Player
  readonly #clock = new SkippingClock()
  #troupe: Troupe
  #isOver = false
  readonly #ordered = new Set<string>()
  #child: ChildProcess | undefined

  constructor(name: string, root: string, player: Player) {
    this.#name = name
    this.#root = root
    this.#player = player
    this.#troupe = openTroupe(root, player.agent, this.#clock.clock)
  }

  get backend(): Backend {
    return this.#troupe.backend
  }

  get local(): LocalParts {
    return this
  }

  /** Not below the temporary folder, which codex may write to. */
  get outside(): string {
    return join('/var/tmp', this.#run)
  }

  key(task: string) {
    return { run: this.#run, task, attempt: 1 }
  }

  order({ task, acts, permissions, words = 'Do it.' }: Given): AgentOrder {
    const key = this.key(task)
    this.#ordered.add(task)
    return {
      key,
      prompt: this.#player.text(key, 1, acts, words),
      workspace: {
        repository: join(this.#root, 'shop'),
        needs: [],
        onConflict: 'escalate',
        setup: [],
        permissions: { rest: 'reject', deadlineMs: 60_000, allow: [], ...permissions },
      },
    }
  }

  text(task: string, turn: number, acts: readonly Act[], words = 'Do more.'): string {
    return this.#player.text(this.key(task), turn, acts, words)
  }

  async until(isSo: () => boolean | Promise<boolean>): Promise<void> {
    while (!this.#isOver && !(await isSo())) {
      await new Promise((resolve) => {
        setTimeout(resolve, 20)
      })
    }
  }

  async reopen(): Promise<void> {
    await this.#end()
    this.#troupe = openTroupe(this.#root, this.#player.agent, this.#clock.clock)
  }

  async killTroupeIn(order: AgentOrder, far: () => Promise<void>): Promise<AgentRunRef> {
    await this.#end()
    const place: AgentPlace = { name: this.#name, root: this.#root, modelUrl: this.#player.modelUrl }
    const program = fileURLToPath(new URL('./troupe-process.ts', import.meta.url))
    const args = ['--import', import.meta.resolve('tsx'), program, JSON.stringify({ place, order })]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
    this.#child = child
    const exited = once(child, 'exit')
    const early = exited.then(([code]) => {
      throw new Error(`The other troupe ended with ${code}.`)
    })
    await Promise.race([far(), early]).finally(() => child.kill('SIGKILL'))
    early.catch(() => undefined)
    await exited
    this.#troupe = openTroupe(this.#root, this.#player.agent, this.#clock.clock)
    const found = await this.backend.find(order.key, 0, never)
    if (found.kind !== 'found') throw new Error(`The attempt is ${found.kind}.`)
    return found.ref
  }

  async letGo(): Promise<readonly string[]> {
    if (this.#isOver) return []
    const tasks = [...this.#ordered]
    this.#ordered.clear()
    for (const task of tasks) this.backend.release?.(this.key(task))
    await this.until(async () => {
      const notes = await Promise.all(tasks.map((task) => readNotes(this.#folder(task))))
      return notes.every(({ state }) => state === undefined || state.released)
    })
    return (await Promise.all(tasks.map((task) => this.processes(task)))).flat()
  }

  async close(): Promise<readonly string[]> {
    if (this.#isOver) return []
    this.#isOver = true
    this.#child?.kill('SIGKILL')
    await this.#end()
    const owner = await this.#troupe.machine.owner()
    const left = await wordsOf(await findMarked(OWNER_MARK, owner))
    await sweep(OWNER_MARK, owner, { clock: realClock })
    await this.#player.close()
    await rm(this.#root, { recursive: true, force: true, maxRetries: 5 })
    for (const name of ['denied', 'asked']) await rm(`${this.outside}-${name}`, { force: true })
    return left
  }

  told(task: string) {
    return this.#player.told(task)
  }

  inTool(task: string): Promise<void> {
    return this.until(async () => {
      const { worktree } = (await this.work(task)) ?? {}
      return worktree !== undefined && existsSync(join(worktree, 'begun'))
    })
  }

  async processes(task: string): Promise<readonly string[]> {
    return wordsOf(await findMarked(ATTEMPT_MARK, formatKey(this.key(task))))
  }

  async killAgent(task: string): Promise<void> {
    if (this.#player.kill !== undefined) return this.#player.kill()
    const notes = await readFile(join(this.#folder(task), 'notes.ndjson'), 'utf8')
    const facts = notes.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
    const { pid } = facts.findLast(({ fact }) => fact === 'process')
    process.kill(pid, 'SIGKILL')
  }

  letGoOn(task: string): void {
    this.#player.letGoOn(task)
  }

  recover(task: string): Promise<void> {
    return this.#player.recover(task)
  }

  passLimit(): void {
    this.#clock.skip(15_000, 600_000)
  }

  async work(task: string): Promise<AttemptWork | undefined> {
    const { state } = await readNotes(this.#folder(task))
    return state === undefined ? undefined : workOf(task, 1, state, '')
  }

  git(...args: string[]): Promise<string> {
    return git(join(this.#root, 'shop'), ...args)
  }

  async #end(): Promise<void> {
    await this.backend.close()
    await this.#troupe.machine.close()
  }

  #folder(task: string): string {
    return attemptFolder(join(this.#root, 'data', this.#run), this.key(task))
  }
}

/** The machine's clock, but that long timers can be made to be due. */
class SkippingClock {
  readonly #long = new Map<TimerHandle, { readonly fn: () => void; readonly ms: number }>()
  readonly clock: Clock = {
    ...realClock,
    setTimeout: (fn, ms) => {
      const timer = realClock.setTimeout(() => {
        this.#long.delete(timer)
        fn()
      }, ms)
      this.#long.set(timer, { fn, ms })
      return timer
    },
    clearTimeout: (timer) => {
      this.#long.delete(timer)
      realClock.clearTimeout(timer)
    },
  }

  skip(fromMs: number, toMs: number): void {
    for (const [timer, { fn, ms }] of this.#long) {
      if (ms < fromMs || ms > toMs) continue
      this.#long.delete(timer)
      realClock.clearTimeout(timer)
      fn()
    }
  }
}

async function wordsOf(pids: readonly number[]): Promise<readonly string[]> {
  return pids.map((pid) => {
    try {
      return `${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').slice(0, 200)}`
    } catch {
      return `${pid}`
    }
  })
}
