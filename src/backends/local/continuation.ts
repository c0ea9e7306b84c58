/** What an agent is told beside what was asked of it. */

/** To go on with a turn that was interrupted; all that was asked follows, since nobody knows what of it arrived. */
export function continuationText(asked: string, why: 'troupe' | 'limit'): string {
  const what =
    why === 'limit'
      ? 'Your provider made you wait; that is over.'
      : 'You were interrupted in the middle of this turn: what ran was stopped, your files are as you left them. Nobody rejected anything: a call that reads as rejected or aborted by the user was only cut short.'
  return [
    `${what} Look first at what is done already in your current folder, and say so in a sentence. Then carry on where you were, and do nothing twice. What was asked of you, in full:`,
    asked,
  ].join('\n\n')
}

/** To a new session, since the one before is lost. */
export function freshSessionText(asked: string): string {
  return [
    'An agent before you was interrupted at this and its conversation is lost; its files are in your current folder. Look first at what is done already, and say so in a sentence. Then carry on, and do nothing twice. What was asked, in full:',
    asked,
  ].join('\n\n')
}

/** A later turn, to a new session, since the one before is lost. */
export function laterTurnText(first: string, asked: string): string {
  return [
    'An agent before you worked on this and reported; its conversation is lost, its files are in your current folder. What was asked of it, in full:',
    first,
    'That is done as far as its files show. What is asked now, of you:',
    asked,
  ].join('\n\n')
}

/** Before all else of a prompt: the worktree holds work that could not be merged. */
export function conflictText(files: readonly string[]): string {
  const rest = files.length - MOST_FILES
  return [
    'Before anything else: the work that this task starts from could not be merged, and the conflicts were left in your current folder between conflict markers (<<<<<<<, =======, >>>>>>>). Resolve them in these files so that the intent of both sides is kept, and leave no marker:',
    ...files.slice(0, MOST_FILES).map((file) => `- ${JSON.stringify(file)}`),
    ...(rest > 0 ? [`- and ${rest} more: search for the markers`] : []),
  ].join('\n')
}

const MOST_FILES = 50
