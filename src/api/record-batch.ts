import type { RunRecord } from '../domain/record.ts'
import type { Selection } from './selection.ts'

/** Records as the text of a JSON array. */
export interface SerialisedRecords {
  readonly records: string
  readonly count: number
}

/** Records that leave together. Each is serialised once, whoever gets it. */
export class RecordBatch {
  /** Length of the texts. */
  bytes = 0
  readonly runs = new Set<string>()
  readonly #records: RunRecord[] = []
  readonly #texts: string[] = []
  #whole: string | undefined

  add(record: RunRecord): void {
    const text = JSON.stringify(record)
    this.#records.push(record)
    this.#texts.push(text)
    this.runs.add(record.run)
    this.bytes += text.length
  }

  /** The records that are asked for, in order; `runs` undefined: of all. */
  select(
    { wants }: Selection,
    runs: ReadonlySet<string> | undefined,
    also?: (record: RunRecord) => boolean,
  ): SerialisedRecords {
    const texts = this.#records.flatMap((record, index) =>
      (runs === undefined || runs.has(record.run)) && (!wants || wants(record)) && (!also || also(record))
        ? (this.#texts[index] ?? [])
        : [],
    )
    const count = texts.length
    if (count < this.#texts.length) return { records: `[${texts.join(',')}]`, count }
    this.#whole ??= `[${texts.join(',')}]`
    return { records: this.#whole, count }
  }
}
