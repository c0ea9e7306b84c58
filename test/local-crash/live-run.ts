/** One run's life with real agents: begun, killed, gone on with, killed again, until nothing is left to kill it at. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { CrashProcess } from '../crash/crash-process.ts'
import { commandOf, findWorking, killGuards, livingOf, untilGone } from './crash-processes.ts'
import type { CrashSite } from './crash-site.ts'
import { CHECK, LINGER, SETUP } from './crash-work.ts'
import type { KillPlan } from './kill-points.ts'

/** What came of a run's life, before anybody looks at what it left. */
export interface LocalLife {
  /** Places at which troupe was killed. */
  readonly kills: readonly string[]
  /** Tasks whose agents were killed. */
  readonly agentKills: readonly string[]
  /** Places that no process came to. */
  readonly missed: readonly string[]
  /** How long after each kill something of it still lived, ms. */
  readonly goneAfter: readonly number[]
  readonly words: readonly string[]
  readonly problems: readonly string[]
  readonly exitCode: number | null
}

const PAUSE_POINT = pathToFileURL(join(import.meta.dirname, 'pause-point.mjs')).href
/** What was killed is gone by then; the machine may be busy. */
const GONE_MS = 20_000
/** One process takes no longer. */
const PATIENCE_MS = 240_000
const LOOK_MS = 40
/** The guard is killed first: nobody ends what troupe leaves behind. */
const UNGUARDED = 'unguarded@'
/** Commands by the names of their places. */
const COMMANDS: Readonly<Record<string, string>> = { tool: LINGER, unguarded: LINGER, check: CHECK, setup: SETUP }

/** Lives it. Nothing of it lives when this resolves, or `problems` says so. */
export async function liveRun(site: CrashSite, cli: string, plan: KillPlan): Promise<LocalLife> {
  const life = new Life(site, cli, plan)
  try {
    return await life.live()
  } finally {
    await life.end()
  }
}

class Life {
  readonly #site: CrashSite
  readonly #cli: string
  readonly #plan: KillPlan
  readonly #points: Set<string>
  readonly #agents: Set<string>
  readonly #kills: string[] = []
  readonly #agentKills: string[] = []
  readonly #goneAfter: number[] = []
  readonly #words: string[] = []
  readonly #problems: string[] = []
  #process: CrashProcess | undefined
  /** It was started already. */
  #next: CrashProcess | undefined
  #randoms: readonly number[]
  #processes = 0

  constructor(site: CrashSite, cli: string, plan: KillPlan) {
    this.#site = site
    this.#cli = cli
    this.#plan = plan
    this.#points = new Set(plan.points)
    this.#agents = new Set(plan.agents)
    this.#randoms = plan.random
  }

  async live(): Promise<LocalLife> {
    for (;;) {
      const process = this.#next ?? (await this.#start())
      this.#next = undefined
      const place = await this.#placeOf(process)
      if (place.startsWith(UNGUARDED)) await killGuards(this.#site)
      const wasKilled = place !== 'ended' && (await process.kill())
      const { code, stdout, stderr } = await process.ended
      this.#words.push(`-- process ${this.#processes}, ${place}\n${stdout.slice(-3_000)}\n${stderr.slice(-3_000)}`)
      // Where nobody is left to end what lives, the next process does so when it starts.
      const isUnguarded = wasKilled && place.startsWith(UNGUARDED)
      const gone = isUnguarded ? await this.#takenOver() : await untilGone(this.#site, GONE_MS)
      for (const left of gone.left)
        this.#problems.push(`lives ${GONE_MS / 1_000} s after the kill at ${place}: ${left}`)
      if (place === 'late') this.#problems.push(`a process took longer than ${PATIENCE_MS / 1_000} s`)
      if (!wasKilled || place === 'late') return this.#over(code)
      this.#goneAfter.push(gone.ms)
      this.#kills.push(place)
      if (this.#kills.length >= this.#plan.most) this.#spare()
    }
  }

  /** Starts the process that ends what the one before has left. */
  async #takenOver(): Promise<{ ms: number; left: readonly string[] }> {
    const orphans = await livingOf(this.#site)
    this.#next = await this.#start()
    return untilGone(this.#site, GONE_MS, orphans)
  }

  async end(): Promise<void> {
    await this.#process?.kill()
  }

  async #start(): Promise<CrashProcess> {
    const { folder, dataDir, workflow, env } = this.#site
    const begun = await hasBegun(dataDir)
    const flags = ['--data-dir', dataDir, '--json', '--grace', '300ms']
    this.#processes++
    this.#process = new CrashProcess({
      cli: this.#cli,
      cwd: folder,
      args: begun ? ['resume', ...flags] : ['run', workflow, ...flags],
      preload: [PAUSE_POINT],
      env: { ...env, TROUPE_PAUSE_AT: [...this.#points].join() },
    })
    return this.#process
  }

  /** Where it is to be killed; `ended`: it ended before. */
  async #placeOf(process: CrashProcess): Promise<string> {
    const over = new AbortController()
    const randomMs = this.#randoms[this.#processes - 1] ?? 0
    const places = [
      process
        .until(({ stderr }) => /paused at \S+\n/.test(stderr))
        .then(async (isPaused) => {
          if (!isPaused) return 'ended'
          return /paused at (\S+)\n/.exec(process.stderr)?.[1] ?? 'ended'
        }),
      this.#seen(over.signal),
      ...(randomMs === 0 ? [] : [pause(randomMs, 'random', { signal: over.signal })]),
      pause(PATIENCE_MS, 'late', { signal: over.signal }),
    ]
    for (const place of places) place.catch(() => undefined)
    const place = await Promise.race(places)
    over.abort()
    this.#points.delete(place)
    return place
  }

  /** Looks for commands among the processes; kills agents on the way. */
  async #seen(signal: AbortSignal): Promise<string> {
    while (!signal.aborted) {
      for (const point of this.#points) {
        const [kind = '', task = ''] = point.split('@')
        const command = COMMANDS[kind]
        if (command !== undefined && (await findWorking(this.#site, task, command)) !== undefined) return point
      }
      for (const task of this.#agents) await this.#killAgent(task)
      await pause(LOOK_MS)
    }
    return 'ended'
  }

  async #killAgent(task: string): Promise<void> {
    if ((await findWorking(this.#site, task, LINGER)) === undefined) return
    const run = (await runsOf(this.#site.dataDir))[0] ?? ''
    const notes = join(this.#site.dataDir, 'runs', run, 'local', `${task}.1`, 'notes.ndjson')
    const pid = Number(/.*"fact":"process","pid":(\d+)/s.exec(await readFile(notes, 'utf8').catch(() => ''))?.[1] ?? 0)
    if (pid === 0 || (await commandOf(pid)) === '') return
    this.#agents.delete(task)
    this.#agentKills.push(task)
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended meanwhile.
    }
  }

  /** It was killed often enough: the run may end. */
  #spare(): void {
    this.#points.clear()
    this.#randoms = []
  }

  #over(exitCode: number | null): LocalLife {
    return {
      kills: this.#kills,
      agentKills: this.#agentKills,
      missed: [...this.#points],
      goneAfter: this.#goneAfter,
      words: this.#words,
      problems: this.#problems,
      exitCode,
    }
  }
}

export function runsOf(dataDir: string): Promise<readonly string[]> {
  return readdir(join(dataDir, 'runs')).catch(() => [])
}

/** Whether the folder holds a run with a record: before that there is nothing to go on with. */
async function hasBegun(dataDir: string): Promise<boolean> {
  for (const run of await runsOf(dataDir)) {
    const text = await readFile(join(dataDir, 'runs', run, 'journal.1.ndjson'), 'utf8').catch(() => '')
    if (text.includes('\n')) return true
  }
  return false
}
