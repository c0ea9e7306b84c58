/** Disk faults and clocks that go backwards: in virtual time from thousands of stopped folders, then with real processes. */

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkLife } from './check-life.ts'
import { CrashProcess } from './crash-process.ts'
import { CrashStandIn } from './crash-stand-in.ts'
import { workflowNamed } from './crash-workflows.ts'
import { breakCheckpoints } from './disk/checkpoint-faults.ts'
import { turnClocksBack } from './disk/clock-back.ts'
import type { DiskReport } from './disk/disk-report.ts'
import { flipBytes } from './disk/flipped-byte.ts'
import { fillDisk } from './disk/full-disk.ts'
import { tearJournal } from './disk/torn-journal.ts'
import type { Schedule } from './schedule.ts'

const FULL_DISK = fileURLToPath(new URL('full-disk.mjs', import.meta.url))
const SHIFT_CLOCK = fileURLToPath(new URL('shift-clock.mjs', import.meta.url))
const HOUR_MS = 3_600_000
const PATIENCE_MS = 120_000

/** Calls `print` with what came of each kind of fault; gives whether all is well. */
export async function runDiskRound(root: string, cli: string, print: (report: DiskReport) => void): Promise<boolean> {
  const rounds: (() => Promise<DiskReport>)[] = [
    () => tearJournal({ every: 1, groups: (at) => at % 9 === 2 }),
    () => tearJournal({ every: 61 }),
    () => flipBytes({ every: 101, moments: 6 }),
    () => breakCheckpoints({ everyMs: 700 }),
    () => fillDisk({ every: 1 }),
    () => turnClocksBack({ everyMs: 9_000 }),
    () => inProcesses('disk full, real processes', [3, 9, 14, 18, 24, 30], (at) => fullDisk(root, cli, at)),
    () => inProcesses('clock back, real processes', [600, 900, 1_300, 2_000], (at) => clockBack(root, cli, at)),
  ]
  let isGood = true
  for (const round of rounds) {
    const report = await round()
    isGood &&= report.problems.length === 0
    print(report)
  }
  return isGood
}

async function inProcesses(
  name: string,
  places: readonly number[],
  live: (at: number) => Promise<readonly string[]>,
): Promise<DiskReport> {
  const problems: string[] = []
  for (const at of places) problems.push(...(await live(at)).map((problem) => `at ${at}: ${problem}`))
  return { case: name, tried: places.length, problems }
}

/** The disk is full from a write on; the process must say so and end with 2, and the next one completes the run. */
function fullDisk(root: string, cli: string, from: number): Promise<readonly string[]> {
  return inFolder(join(root, `full-${from}`), cli, async (life) => {
    const first = await life.ends('begin', { preload: FULL_DISK, env: { TROUPE_FULL_FROM: String(from) } })
    const problems = first.code === 2 ? [] : [`a full disk ended the process with ${first.code}`]
    if (!/the disk is full/.test(first.stderr)) problems.push(`it did not say why: ${first.stderr}`)
    return problems
  })
}

/** A kill, a clock that went back meanwhile, and one that goes back under the next process. */
function clockBack(root: string, cli: string, afterMs: number): Promise<readonly string[]> {
  return inFolder(join(root, `clock-${afterMs}`), cli, async (life) => {
    await life.ends('begin', { killAfterMs: afterMs })
    const shift = { TROUPE_CLOCK_SHIFT_MS: String(-HOUR_MS) }
    await life.ends('resume', { killAfterMs: afterMs, preload: SHIFT_CLOCK, env: shift })
    const jump = { ...shift, TROUPE_CLOCK_JUMP_MS: String(afterMs) }
    const { code } = await life.ends('resume', { preload: SHIFT_CLOCK, env: jump })
    return code === 0 ? [] : [`under a clock that went back the process ended with ${code}`]
  })
}

interface Ending {
  readonly killAfterMs?: number
  readonly preload?: string
  readonly env?: Readonly<Record<string, string>>
}

const SCHEDULE: Schedule = {
  seed: 1,
  workflow: 'feature',
  kills: [],
  graceMs: 500,
  limited: true,
  faults: {},
  standInKills: [],
}

/** Processes over one folder, one after the other. */
class FolderLife {
  readonly outputs: string[] = []
  readonly words: string[] = []
  exitCode: number | null = null
  readonly #folder: string
  readonly #cli: string
  readonly #standIn: CrashStandIn

  constructor(folder: string, cli: string, standIn: CrashStandIn) {
    this.#folder = folder
    this.#cli = cli
    this.#standIn = standIn
  }

  async ends(how: 'begin' | 'resume', { killAfterMs, preload, env = {} }: Ending) {
    const limits = ['create', 'shared', 'standard'].flatMap((name) => ['--limit', `codegen.${name}=100000/1m`])
    const flags = ['--data-dir', join(this.#folder, 'data'), '--json', '--grace', `${SCHEDULE.graceMs}ms`, ...limits]
    const process = new CrashProcess({
      cli: this.#cli,
      args: how === 'begin' ? ['run', join(this.#folder, 'workflow.json'), ...flags] : ['resume', ...flags],
      env: { CODEGEN_API_BASE_URL: this.#standIn.url, ...env },
      preload: preload === undefined ? [] : [preload],
    })
    const end = await process.endsWithin(killAfterMs ?? PATIENCE_MS)
    this.outputs.push(end.stdout)
    this.words.push(end.stderr)
    this.exitCode = end.code
    return end
  }
}

/** Lives in a folder, completes what is there, and looks at all that is left. */
async function inFolder(
  folder: string,
  cli: string,
  live: (life: FolderLife) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'workflow.json'), JSON.stringify(workflowNamed(SCHEDULE.workflow).definition))
  const standIn = new CrashStandIn({ cli, dataDir: join(folder, 'provider'), seed: 1, faults: {} })
  await standIn.start()
  try {
    const life = new FolderLife(folder, cli, standIn)
    const problems = await live(life)
    const { stderr } = await life.ends('resume', {})
    const isBegun = !/Nothing to resume/.test(stderr)
    const [creations, turns] = [await standIn.creations(), await standIn.turns()]
    // A start that was refused leaves nothing, at the provider either.
    if (!isBegun && Object.keys(creations).length === 0) return problems
    const { outputs, words, exitCode } = life
    const left = {
      dataDir: join(folder, 'data'),
      outputs,
      words,
      kills: [],
      early: 0,
      late: 0,
      creations,
      turns,
      exitCode,
    }
    return [...problems, ...(await checkLife(left, SCHEDULE)).problems]
  } finally {
    await standIn.kill()
  }
}
