import type { Clock } from '../../domain/clock.ts'
import { BackendError } from '../../domain/errors.ts'
import { shareAnswer } from './abortable.ts'
import { type CodegenClient, isLastPage, PAGE_SIZE } from './codegen-client.ts'

/** The id of a repository given as `owner/name`, as a bare name, or as the id itself. */
export type FindRepository = (repository: string, signal: AbortSignal) => Promise<number>

const MOST_PAGES = 50
/** A repository that is missing may have been added since the list was read. */
const LIST_AGAIN_MS = 60_000

interface Listing {
  readonly ids: ReadonlyMap<string, number>
  readonly at: number
}

/** Looks repositories up in the organization's list, which is read once. Rejects with BackendError `refused` for an unknown one. */
export function createRepositoryFinder(
  client: CodegenClient,
  clock: Clock,
  organization: (signal: AbortSignal) => Promise<string>,
  closed: AbortSignal,
): FindRepository {
  const read = async (signal: AbortSignal) => readListing(client, clock, await organization(signal), signal)
  let listing = shareAnswer(read, closed)
  return async (repository, signal) => {
    if (/^\d+$/.test(repository)) return Number(repository)
    const name = repository.toLowerCase()
    let known = await listing(signal)
    if (!known.ids.has(name) && clock.now() - known.at > LIST_AGAIN_MS) {
      listing = shareAnswer(read, closed)
      known = await listing(signal)
    }
    const id = known.ids.get(name)
    if (id === undefined) throw unknownRepository(repository)
    return id
  }
}

async function readListing(
  client: CodegenClient,
  clock: Clock,
  organization: string,
  signal: AbortSignal,
): Promise<Listing> {
  const at = clock.now()
  const ids = new Map<string, number>()
  let skip = 0
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const page = await client.repositories(organization, { skip, limit: PAGE_SIZE }, signal)
    for (const { id, name, full_name } of page.items) {
      if (full_name !== null) ids.set(full_name.toLowerCase(), id)
      if (name !== null && !ids.has(name.toLowerCase())) ids.set(name.toLowerCase(), id)
    }
    skip += page.items.length
    if (isLastPage(page, skip)) break
  }
  return { ids, at }
}

function unknownRepository(repository: string): BackendError {
  return new BackendError(
    `Codegen does not know the repository '${repository}'. Add it to the organization, or give its id.`,
    { kind: 'refused', retryable: false, certain: true },
  )
}
