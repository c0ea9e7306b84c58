/** What came of one kind of disk fault. */
export interface DiskReport {
  readonly case: string
  /** How many folders were gone on from. */
  readonly tried: number
  /** What is not as it must be, in words. */
  readonly problems: readonly string[]
  /** What else is worth a number. */
  readonly counts?: Readonly<Record<string, number>>
}
