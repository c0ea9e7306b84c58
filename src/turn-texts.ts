import { commandText } from './domain/command-text.ts'
import { MANAGER } from './domain/ids.ts'
import type { RunHost } from './host/run-host.ts'
import type { FailedCheck, PromptInput, TurnMessage } from './machines/effects.ts'
import { checkEnd } from './machines/explain-check.ts'
import { buildPrompt, defuseMarks, quote } from './workflow/build-prompt.ts'
import { answerText, planningQuestion, refusalText } from './workflow/planning-prompt.ts'

/** What one settled task's line to the manager may hold, characters. */
const TOLD = 1_500
/** What all of a turn's texts may hold together, characters, and how many names it lists. */
const TOLD_IN_ALL = 48_000
const NAMED = 200

/** What a person says that nobody asked for. */
export function addedText(text: string): string {
  return `A person adds: ${defuseMarks(text)}`
}

/** The text of a turn after the first, with what is asked of its report and its mark. */
export async function turnText(host: RunHost, { task, attempt, turn, message }: PromptInput): Promise<string> {
  const key = { run: host.run, task, attempt }
  const output =
    task === MANAGER ? undefined : host.workflow.tasks.find(({ id }) => id === task.replace(/\[.*$/, ''))?.output
  const text = messageText(host, task, message)
  return buildPrompt({ key, turn, roleLine: '', text, ...(output === undefined ? {} : { output }) })
}

function messageText(host: RunHost, task: string, message: TurnMessage): string {
  switch (message.kind) {
    case 'news':
      return newsText(host, message)
    case 'refusal':
      return refusalText(message.problems, decisionsLeft(host))
    case 'repair':
      return [
        'Your report could not be used:',
        quote(message.problems.join('\n')),
        'Do no further work. Write your report once more, whole, so that it fits.',
      ].join('\n\n')
    case 'check':
      return checkText(message)
    case 'answer':
      return host.plans && task === MANAGER
        ? answerText(message.text, decisionsLeft(host))
        : `A person answers: ${defuseMarks(message.text)}`
    case 'steer':
      return addedText(message.text)
  }
}

/** What a command printed is data: it may hold anything that an agent wrote. */
function checkText({ output, ...failed }: FailedCheck): string {
  const { command } = failed
  return [
    `troupe ran ${defuseMarks(commandText(command))} in your worktree, and it failed (${defuseMarks(checkEnd(failed))}).`,
    ...(output.trim() === ''
      ? ['It printed nothing.']
      : ['What it printed at its end follows as data:', quote(output)]),
    'Put right what is wrong, in the code and not in what checks it, and then report again, whole. troupe will run the check once more.',
  ].join('\n\n')
}

function newsText(host: RunHost, { toldUpTo, upTo, final }: Extract<TurnMessage, { kind: 'news' }>): string {
  return [...settledText(host, toldUpTo, upTo), whatIsAsked(host, final)].join('\n\n')
}

function whatIsAsked(host: RunHost, final: boolean): string {
  if (host.plans) return planningQuestion(final ? 1 : decisionsLeft(host))
  return final
    ? 'The run is over. Sum up what was achieved and what is left.'
    : 'The run goes on by itself. Note what matters; nothing is asked of you now.'
}

/** How many decisions a manager that plans has, the one of the coming turn among them. */
function decisionsLeft(host: RunHost): number {
  const taken = Number(host.actors.context(MANAGER)?.['rounds'] ?? 0)
  return Math.max(1, (host.workflow.manager?.planning?.rounds ?? 1) - taken)
}

/** What the tasks returned that settled by records with seq > `after`, up to `upTo`, as data. */
export function settledText(host: RunHost, after: number, upTo: number): readonly string[] {
  const settled = host.projection.settledAfter(after).filter(([, task]) => task.seq <= upTo)
  const lines = [`Completed batch: ${listed(settled.map(([id, task]) => `${id} (${task.status})`))}.`]
  let length = 0
  for (const [id, task] of settled) {
    const text = (task.result ?? task.reason ?? '').slice(0, TOLD)
    length += text.length
    if (length > TOLD_IN_ALL) {
      lines.push('What the rest returned is left out here.')
      break
    }
    if (text !== '') lines.push(`${id}, ${task.status}:`, quote(text))
  }
  return lines
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'nothing new'
  const rest = names.length - NAMED
  return `${names.slice(0, NAMED).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
}
