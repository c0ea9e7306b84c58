import { cursorAfter } from '../api/cursor.ts'
import { endsRun } from '../api/run-places.ts'
import { outcomeOfEnded } from '../api/run-views.ts'
import type { RunRecord } from '../domain/record.ts'
import type { RunView } from '../domain/views.ts'
import { isFinalState } from '../machines/public-state.ts'
import type { RunOutput } from './run-output.ts'
import type { RunSource } from './run-source.ts'
import { openViewCache, type ViewCache } from './view-cache.ts'
import type { Watched } from './watched.ts'

/** Shows one run as `troupe run` does, from its beginning or from where it is now, until it has ended. */
export class WatchedRun implements Watched {
  readonly runs: readonly string[]
  readonly #run: string
  readonly #output: RunOutput
  #shown: number
  #source: RunSource | undefined
  /** How it ended, once that is known. */
  #final: RunView | undefined
  #views: ViewCache | undefined
  #finished = false

  constructor(view: RunView, output: RunOutput, fromStart: boolean) {
    this.#run = view.run
    this.runs = [view.run]
    this.#output = output
    this.#shown = fromStart ? 0 : view.seq
    output.begun([view], 'watched')
    output.watch(() => this.#views?.read() ?? [view])
  }

  get cursor(): string {
    return cursorAfter(this.#run, this.#shown)
  }

  get ended(): boolean {
    return this.#final !== undefined
  }

  get complete(): boolean {
    return this.#final !== undefined && this.#shown >= this.#final.seq
  }

  get finished(): boolean {
    return this.#finished
  }

  async meet(source: RunSource): Promise<void> {
    this.#views = await openViewCache(async () => [await source.view(this.#run)])
    this.#source = source
    this.#look(this.#views.read()[0])
  }

  async show(records: readonly RunRecord[]): Promise<void> {
    await this.#output.records(this.#run, records)
    this.#shown = records.at(-1)?.seq ?? this.#shown
    this.#views?.outdate()
    if (!this.ended && records.some(endsRun)) this.#look(await this.#source?.view(this.#run))
  }

  catchUp(): void {}

  /** Each record tells its own place. */
  pass(): void {}

  finish(): void {
    this.#finished = true
    if (this.#final) this.#output.finished(this.#final, outcomeOfEnded(this.#final))
  }

  async leave(patience: Promise<void>): Promise<void> {
    await Promise.race([this.#views?.refresh(), patience])
    const view = this.#views?.read()[0]
    if (view) this.#output.finished(view, { status: view.status, reason: 'No longer watched.' })
  }

  note(text: string): void {
    this.#output.note(text)
  }

  close(): void {
    this.#output.close()
  }

  #look(view: RunView | undefined): void {
    if (view && isFinalState(view.status)) this.#final = view
  }
}
