import type { Clock } from '../../domain/clock.ts'
import { BackendError } from '../../domain/errors.ts'
import { shareAnswer } from './abortable.ts'
import type { CodegenAccount } from './codegen-account.ts'
import type { CodegenRepository } from './codegen-account-schemas.ts'
import { listNames } from './codegen-errors.ts'
import { isLastPage, PAGE_SIZE } from './codegen-sender.ts'

/** The id of a repository given as `owner/name`, as a bare name, or as the id itself. */
export type FindRepository = (repository: string, signal: AbortSignal) => Promise<number>

const MOST_PAGES = 50
/** Of the whole list, while it changes. */
const MOST_READINGS = 3
/** A repository that is missing may have been added since the list was read. */
const LIST_AGAIN_MS = 60_000

type Account = Pick<CodegenAccount, 'repositories'>

interface Listing {
  readonly repositories: readonly CodegenRepository[]
  readonly ids: ReadonlyMap<string, number>
  readonly at: number
}

/** Looks repositories up in the organization's list, which is read once. Rejects with BackendError `refused` for an unknown one. */
export function createRepositoryFinder(
  account: Account,
  clock: Clock,
  organization: (signal: AbortSignal) => Promise<string>,
  closed: AbortSignal,
): FindRepository {
  const read = async (signal: AbortSignal) => {
    const at = clock.now()
    const repositories = await listRepositories(account, await organization(signal), signal)
    return { at, repositories, ids: idsOf(repositories) }
  }
  let listing: (signal: AbortSignal) => Promise<Listing> = shareAnswer(read, closed)
  return async (repository, signal) => {
    if (/^\d+$/.test(repository)) return Number(repository)
    const name = repository.toLowerCase()
    let known = await listing(signal)
    if (!known.ids.has(name) && clock.now() - known.at > LIST_AGAIN_MS) {
      listing = shareAnswer(read, closed)
      known = await listing(signal)
    }
    const id = known.ids.get(name)
    if (id === undefined) throw unknownRepository(repository, known.repositories)
    return id
  }
}

/** Every repository of an organization, each once. One that is taken away meanwhile moves others up: then all is read again. */
export async function listRepositories(
  account: Account,
  organization: string,
  signal: AbortSignal,
): Promise<readonly CodegenRepository[]> {
  for (let readings = 1; ; readings++) {
    const { repositories, shrank } = await readOnce(account, organization, signal)
    if (!shrank || readings >= MOST_READINGS) return repositories
  }
}

async function readOnce(account: Account, organization: string, signal: AbortSignal) {
  const byId = new Map<number, CodegenRepository>()
  let skip = 0
  let total = 0
  let shrank = false
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const page = await account.repositories(organization, { skip, limit: PAGE_SIZE }, signal)
    for (const repository of page.items) byId.set(repository.id, repository)
    if (page.total !== null) {
      shrank ||= page.total < total
      total = page.total
    }
    skip += page.items.length
    if (isLastPage(page, skip)) break
  }
  return { repositories: [...byId.values()], shrank }
}

function idsOf(repositories: readonly CodegenRepository[]): ReadonlyMap<string, number> {
  const ids = new Map<string, number>()
  for (const { id, name, fullName } of repositories) {
    if (fullName !== null) ids.set(fullName.toLowerCase(), id)
    if (name !== null && !ids.has(name.toLowerCase())) ids.set(name.toLowerCase(), id)
  }
  return ids
}

/** Says which repositories there are instead. */
export function unknownRepository(
  repository: string,
  known: readonly CodegenRepository[],
  status?: number,
): BackendError {
  const names = known.map(({ id, name, fullName }) => fullName ?? name ?? String(id))
  return new BackendError(
    `Codegen does not know the repository '${repository}'. Add it to the organization, or name one of its repositories: ${listNames(names)}.`,
    { kind: 'refused', retryable: false, certain: true, ...(status === undefined ? {} : { status }) },
  )
}
