import { stopping } from './errors.ts'

/** Which runs this process carries, and whether it still takes more. */
export interface RunAdmission {
  /** Starts or restores runs unless the process is about to end. Throws ApiError `stopping`: nothing was started then. */
  admit(begin: () => Promise<readonly string[]>): Promise<readonly string[]>
  /** The runs begun through here, in order. */
  carried(): readonly string[]
  /** From here on nothing is admitted. False, and nothing changes, while a run is just being begun. */
  close(): boolean
  /** From here on nothing is admitted, whatever is being begun. */
  refuse(): void
  /** Resolves when no run is being begun. */
  idle(): Promise<void>
}

/** See {@link RunAdmission}. Without it a run could be begun in the instant in which its holder decides to end. */
export function createRunAdmission(): RunAdmission {
  const carried = new Set<string>()
  const beginning = new Set<Promise<unknown>>()
  let closed = false
  return {
    async admit(begin) {
      if (closed) throw stopping()
      const work = begin()
      beginning.add(work)
      try {
        const runs = await work
        for (const run of runs) carried.add(run)
        return runs
      } finally {
        beginning.delete(work)
      }
    },
    carried: () => [...carried],
    close() {
      if (beginning.size > 0) return false
      closed = true
      return true
    },
    refuse() {
      closed = true
    },
    async idle() {
      while (beginning.size > 0) await Promise.allSettled(beginning)
    },
  }
}
