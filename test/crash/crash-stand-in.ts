/** The stand-in in a process of its own, which may be killed, too: it comes back at its port with what it had accepted. */
import { CrashProcess } from './crash-process.ts'

const NO_LIMITS = ['create=none', 'standard=none', 'logs=none'].flatMap((limit) => ['--limit', limit])

export interface CrashStandInOptions {
  readonly cli: string
  /** Where it keeps what it accepted. */
  readonly dataDir: string
  readonly seed: number
  /** `answer-lost`: 0.2 */
  readonly faults: Readonly<Record<string, number>>
  readonly speed?: number | undefined
}

/** One stand-in, and the processes that are it one after the other. */
export class CrashStandIn {
  readonly #options: CrashStandInOptions
  #port = '0'
  #process: CrashProcess | undefined

  constructor(options: CrashStandInOptions) {
    this.#options = options
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  async start(): Promise<void> {
    const { cli, dataDir, seed, faults, speed = 1 } = this.#options
    const flags = Object.entries(faults).flatMap(([name, share]) => ['--fault', `${name}=${share}`])
    const process = new CrashProcess({
      cli,
      args: [
        ...['stand-in', '--port', this.#port, '--seed', String(seed), '--speed', String(speed), '--data-dir', dataDir],
        ...NO_LIMITS,
        ...flags,
      ],
    })
    this.#process = process
    if (!(await process.until(({ stdout }) => /listening on \S+\n/.test(stdout)))) {
      throw new Error(`The stand-in ended: ${process.stdout}${process.stderr}`)
    }
    this.#port = /:(\d+)\n/.exec(process.stdout)?.[1] ?? '0'
  }

  async kill(): Promise<void> {
    await this.#process?.kill()
    this.#process = undefined
  }

  /** How often each RUN/TASK/ATTEMPT was created. */
  creations(): Promise<Readonly<Record<string, number>>> {
    return this.#ask('creations')
  }

  /** How often each RUN/TASK/ATTEMPT/TURN was prompted. */
  turns(): Promise<Readonly<Record<string, number>>> {
    return this.#ask('turns')
  }

  async #ask(path: string): Promise<Readonly<Record<string, number>>> {
    const answer: unknown = await (await fetch(`${this.url}/_stand-in/${path}`)).json()
    return answer as Record<string, number>
  }
}
