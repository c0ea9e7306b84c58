/** One run's life: begun, killed, gone on with, killed again, until it may end. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CrashProcess } from './crash-process.ts'
import { CrashStandIn } from './crash-stand-in.ts'
import { workflowNamed } from './crash-workflows.ts'
import type { Kill, Schedule } from './schedule.ts'

/** What came of one run's life, before anybody looks at what it left. */
export interface CrashLife {
  readonly dataDir: string
  /** What each process printed, in order. */
  readonly outputs: readonly string[]
  /** What each process said to people, in order. */
  readonly words: readonly string[]
  /** `create.answered:1`, `random`: those that ended a process. */
  readonly kills: readonly string[]
  /** Kills before anything of the run was on disk. */
  readonly early: number
  /** The run had ended before its kill. */
  readonly late: number
  readonly creations: Readonly<Record<string, number>>
  readonly turns: Readonly<Record<string, number>>
  /** Exit code of the last process; undefined for one that never ended. */
  readonly exitCode: number | null | undefined
}

/** A process that nobody kills has this long. */
const PATIENCE_MS = 120_000
/** A process that comes neither to its point nor to its end in this time is taken for one that hangs. */
const POINT_PATIENCE_MS = 90_000
const NONE = ['codegen.create', 'codegen.shared', 'codegen.standard']

/** Lives one run in `folder`. Every process it starts has ended when it resolves. */
export async function liveRun(folder: string, cli: string, schedule: Schedule): Promise<CrashLife> {
  const dataDir = join(folder, 'data')
  await mkdir(folder, { recursive: true })
  const file = join(folder, 'workflow.json')
  const { definition, speed } = workflowNamed(schedule.workflow)
  await writeFile(file, JSON.stringify(definition))
  const { seed, faults } = schedule
  const standIn = new CrashStandIn({ cli, dataDir: join(folder, 'provider'), seed, faults, speed })
  await standIn.start()
  try {
    return await new Life(cli, schedule, dataDir, file, standIn).live()
  } finally {
    await standIn.kill()
  }
}

class Life {
  readonly #cli: string
  readonly #schedule: Schedule
  readonly #dataDir: string
  readonly #file: string
  readonly #standIn: CrashStandIn
  readonly #outputs: string[] = []
  readonly #words: string[] = []
  readonly #kills: string[] = []
  #early = 0
  #late = 0
  #processes = 0
  #restarting: Promise<void> | undefined

  constructor(cli: string, schedule: Schedule, dataDir: string, file: string, standIn: CrashStandIn) {
    this.#cli = cli
    this.#schedule = schedule
    this.#dataDir = dataDir
    this.#file = file
    this.#standIn = standIn
  }

  async live(): Promise<CrashLife> {
    for (const kill of this.#schedule.kills) {
      const process = this.#start(kill, await hasBegun(this.#dataDir))
      const ended = await this.#killed(process, kill)
      this.#heard(process)
      if (ended === 'hung') return this.#over(undefined)
      if (ended === 'completed') {
        this.#late++
        break
      }
      if (ended === 'stopped') continue
      this.#kills.push(kill.at)
      if (!(await hasBegun(this.#dataDir))) this.#early++
    }
    const last = this.#start(undefined, await hasBegun(this.#dataDir))
    const { code, isLate } = await last.endsWithin(PATIENCE_MS)
    this.#heard(last)
    return this.#over(isLate ? undefined : code)
  }

  /** `stopped`: it was told to end and did, without coming to its point. */
  async #killed(process: CrashProcess, kill: Kill): Promise<'killed' | 'stopped' | 'completed' | 'hung'> {
    const isServer = 'stopMs' in kill
    if (isServer) void stopAfter(process, kill.stopMs)
    const isOver = 'ms' in kill ? atRandom(process, kill.ms, kill.from) : process.until(isPaused)
    const patience = wait(POINT_PATIENCE_MS, process).then(() => false)
    const came = await Promise.race([isOver.then(() => true), patience])
    if (await process.kill()) return !came ? 'hung' : 'killed'
    return isServer ? 'stopped' : 'completed'
  }

  #start(kill: Kill | undefined, begun: boolean): CrashProcess {
    const { graceMs, limited, standInKills, workflow } = this.#schedule
    const limits = NONE.flatMap((name) => ['--limit', `${name}=${limited ? '100000/1m' : 'none'}`])
    const number = this.#processes++
    for (const { process, ms } of standInKills) if (process === number) this.#restartStandInAfter(ms)
    const folder = ['--data-dir', this.#dataDir]
    const flags = [...folder, '--json', '--grace', `${graceMs}ms`, ...limits, ...(workflowNamed(workflow).flags ?? [])]
    const carrying = begun ? ['resume', ...flags] : ['run', this.#file, ...flags]
    return new CrashProcess({
      cli: this.#cli,
      args: kill !== undefined && 'stopMs' in kill ? ['serve', '--port', '0', ...folder] : carrying,
      env: { CODEGEN_API_BASE_URL: this.#standIn.url },
      ...(kill === undefined || kill.at === 'random' ? {} : { pauseAt: kill.at }),
    })
  }

  #restartStandInAfter(ms: number): void {
    this.#restarting = (async () => {
      await new Promise((resolve) => setTimeout(resolve, ms))
      await this.#standIn.kill()
      await this.#standIn.start()
    })()
  }

  #heard({ stdout, stderr }: CrashProcess): void {
    this.#outputs.push(stdout)
    this.#words.push(stderr)
  }

  async #over(exitCode: number | null | undefined): Promise<CrashLife> {
    await this.#restarting
    return {
      dataDir: this.#dataDir,
      outputs: this.#outputs,
      words: this.#words,
      kills: this.#kills,
      early: this.#early,
      late: this.#late,
      creations: await this.#standIn.creations(),
      turns: await this.#standIn.turns(),
      exitCode,
    }
  }
}

function isPaused({ stderr }: CrashProcess): boolean {
  return stderr.includes('paused at ')
}

async function atRandom(process: CrashProcess, ms: number, from: 'start' | 'record'): Promise<void> {
  if (from === 'record') await process.until(({ stdout }) => stdout.includes('{"seq":'))
  await Promise.race([wait(ms, process), process.ended])
}

/** Tells a server to end, some time after it is ready. */
async function stopAfter(process: CrashProcess, ms: number): Promise<void> {
  await process.until(({ stdout }) => stdout.includes('serve listening on '))
  await wait(ms, process)
  process.child.kill('SIGTERM')
}

/** Resolves after so long; not at all when the process has ended by then. */
function wait(ms: number, { ended }: CrashProcess): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    void ended.then(() => clearTimeout(timer))
  })
}

/** Whether the folder holds a run with a record: before that there is nothing to go on with. */
async function hasBegun(dataDir: string): Promise<boolean> {
  const runs = await readdir(join(dataDir, 'runs')).catch(() => [])
  for (const run of runs) {
    const text = await readFile(join(dataDir, 'runs', run, 'journal.1.ndjson'), 'utf8').catch(() => '')
    if (text.includes('\n')) return true
  }
  return false
}
