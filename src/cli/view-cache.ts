import type { RunView } from '../domain/views.ts'

/** The newest views, fetched only when somebody looks and something has happened. */
export interface ViewCache {
  readonly read: () => readonly RunView[]
  readonly outdate: () => void
  /** Resolves when the views are as they were at the call, or later. */
  readonly refresh: () => Promise<void>
}

/** Fetches the views once; throws what that throws. Later on, views that cannot be fetched stay as they were. */
export async function openViewCache(fetch: () => Promise<readonly RunView[]>): Promise<ViewCache> {
  let views = await fetch()
  let outdated = false
  let asking: Promise<void> | undefined
  const ask = async () => {
    outdated = false
    try {
      views = await fetch()
    } catch {
      // Whoever follows the records is told that nobody answers any more.
    }
    asking = undefined
  }
  return {
    read() {
      if (outdated) asking ??= ask()
      return views
    },
    outdate() {
      outdated = true
    },
    async refresh() {
      // What is being fetched may have been asked for too early.
      await asking
      asking ??= ask()
      await asking
    },
  }
}
