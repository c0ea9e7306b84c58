import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Usage } from '../../domain/budget.ts'
import { asAmount, asText, objectOf } from './json-line.ts'

/**
 * What a session had used when its last turn ended, for agents that count over the whole of it. Kept in the attempt's folder, since the
 * next turn may be another process of troupe's. A crash just after a turn's end loses that turn's use, and counts none twice.
 */
export class SessionUsage {
  readonly #file: string
  #known: { readonly session: string; readonly total: Usage } | null | undefined

  constructor(folder: string) {
    this.#file = join(folder, 'session-usage.json')
  }

  /** What was used since, by a session's new total; notes that. Never rejects. */
  async since(session: string, total: Usage): Promise<Usage> {
    if (this.#known === undefined) this.#known = await this.#read()
    const before = this.#known?.session === session ? this.#known.total : {}
    this.#known = { session, total }
    await this.#write({ session, ...total }).catch(() => undefined)
    const tokens = difference(total.tokens, before.tokens)
    const cost = difference(total.cost, before.cost)
    return { ...(tokens === undefined ? {} : { tokens }), ...(cost === undefined ? {} : { cost }) }
  }

  async #read(): Promise<{ session: string; total: Usage } | null> {
    const noted = objectOf(await readFile(this.#file, 'utf8').catch(() => ''))
    const session = asText(noted?.['session'])
    if (session === undefined) return null
    const tokens = asAmount(noted?.['tokens'])
    const cost = asAmount(noted?.['cost'])
    return { session, total: { ...(tokens === undefined ? {} : { tokens }), ...(cost === undefined ? {} : { cost }) } }
  }

  async #write(noted: object): Promise<void> {
    await mkdir(join(this.#file, '..'), { recursive: true })
    await writeFile(`${this.#file}.new`, JSON.stringify(noted))
    await rename(`${this.#file}.new`, this.#file)
  }
}

/** One that has become less is a count that began anew. */
function difference(total: number | undefined, before = 0): number | undefined {
  if (total === undefined) return undefined
  return total >= before ? total - before : total
}
