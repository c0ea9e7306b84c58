/** The points at which a process may be stopped (see pause-point.mjs), and what it takes to come there. */

/** A place in the life of a process, the `ordinal`th time it comes there. */
export interface CrashPoint {
  /** `create.answered` */
  readonly name: string
  /** Counted from 1. */
  readonly ordinal: number
  /** Only the process that begins the run comes there, or only one that goes on with it. */
  readonly in?: 'first' | 'later'
  /** What the workflow must have. */
  readonly needs?: 'manager' | 'large results'
  /** The calls must be counted: there is a limit. */
  readonly limited?: boolean
  /** A server comes there when it is told to end. */
  readonly stopped?: boolean
  /** Only a process comes there that goes on from a kill at this point. */
  readonly after?: CrashPoint
}

type Traits = Omit<CrashPoint, 'name' | 'ordinal'>

function points(names: readonly string[], ordinals: readonly number[], traits: Traits = {}): CrashPoint[] {
  return ordinals.flatMap((ordinal) => names.map((name) => ({ name, ordinal, ...traits })))
}

const WHOLE_FILE = ['opened', 'writing', 'torn', 'written', 'synced', 'renaming', 'renamed'] as const
const wholeFile = (subject: string) => WHOLE_FILE.map((what) => `${subject}.${what}`)

/** Those without which a round of kills says little, the most important first. */
const ESSENTIAL: readonly CrashPoint[] = [
  ...points(['create.answered', 'create.sending'], [1]),
  ...points(['journal.written', 'journal.synced'], [2]),
  ...points(['create.answered'], [3]),
  ...points(['resume.answered', 'resume.sending'], [1], { needs: 'manager' }),
  ...points(['create.sent', 'journal.torn'], [1]),
  ...points(['result.renaming', 'result.renamed'], [1], { needs: 'large results' }),
  ...points(['checkpoint.renaming', 'checkpoint.renamed'], [1], { stopped: true, in: 'later' }),
]

const TOLD: CrashPoint = { name: 'resume.answered', ordinal: 1, needs: 'manager' }
const CHECKPOINTED: CrashPoint = { name: 'checkpoint.renamed', ordinal: 1, stopped: true, in: 'later' }

const REST: readonly CrashPoint[] = [
  ...points(['create.sending', 'create.answered'], [2, 5]),
  ...points(['create.sending'], [3]),
  ...points(['create.sent'], [2, 4]),
  ...points(['journal.written', 'journal.synced'], [1, 3, 5, 8, 13, 21]),
  ...points(['journal.writing', 'journal.syncing'], [1, 4, 10, 20]),
  ...points(['journal.torn'], [2, 5, 12, 18]),
  ...points(['journal.opened'], [1]),
  ...points(['resume.sending', 'resume.answered', 'resume.sent'], [2], { needs: 'manager' }),
  ...points(['resume.sent'], [1], { needs: 'manager' }),
  ...points(['list.sending', 'list.answered'], [1, 3]),
  ...points(['read.answered', 'read.sending'], [1]),
  ...points(['logs.answered', 'logs.sending'], [1], { needs: 'manager', in: 'later', after: TOLD }),
  ...points(wholeFile('result'), [1, 2], { needs: 'large results' }),
  ...points(wholeFile('checkpoint'), [1], { stopped: true, in: 'later' }),
  ...points(['previous.renaming', 'previous.renamed'], [1], { stopped: true, in: 'later', after: CHECKPOINTED }),
  ...points(wholeFile('index'), [1]),
  ...points(wholeFile('definition'), [1], { in: 'first' }),
  ...points(['control.linking'], [1]),
  ...points(['control.linked'], [1], { in: 'first' }),
  ...points(['control.replacing', 'control.replaced'], [1], { in: 'later' }),
  ...points(['notebook.noting', 'notebook.noted'], [1, 2, 6, 14], { limited: true }),
  ...points(['notebook.replacing', 'notebook.replaced'], [1], { limited: true }),
]

/** `create.answered:3` */
export function pointText({ name, ordinal }: CrashPoint): string {
  return `${name}:${ordinal}`
}

/** Every point once, the most important ones first. */
export function allPoints(): readonly CrashPoint[] {
  const byText = new Map([...ESSENTIAL, ...REST].map((point) => [pointText(point), point]))
  return [...byText.values()]
}
