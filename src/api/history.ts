import type { Orchestrator } from '../domain/orchestration.ts'
import type { RunRecord } from '../domain/record.ts'

/** Some records of one run that were read from the disk. */
export class HistoryPage {
  readonly records: readonly RunRecord[]
  #text: string | undefined

  constructor(records: readonly RunRecord[]) {
    this.records = records
  }

  /** All of them as a JSON array, serialised once for all who read the page. */
  get text(): string {
    this.#text ??= JSON.stringify(this.records)
    return this.#text
  }
}

/** Reads what is on disk. Those who come back at once after an interruption mostly miss the same, and share one reading. */
export class History {
  readonly #orchestrator: Pick<Orchestrator, 'records'>
  readonly #underWay = new Map<string, Promise<HistoryPage>>()

  constructor(orchestrator: Pick<Orchestrator, 'records'>) {
    this.#orchestrator = orchestrator
  }

  /**
   * Records with seq > after, in order. Throws as `records`. What is durable now is among them if `since` is not what it was
   * when less was: a reading that began before may have been too early for it, and is not shared.
   */
  read(run: string, after: number, limit: number, since: number): Promise<HistoryPage> {
    const key = `${run} ${after} ${limit} ${since}`
    let page = this.#underWay.get(key)
    if (!page) {
      page = this.#orchestrator.records(run, after, limit).then((records) => new HistoryPage(records))
      this.#underWay.set(key, page)
      const forget = () => void this.#underWay.delete(key)
      page.then(forget, forget)
    }
    return page
  }
}
