import type { CommandDescription } from '../../domain/agent-description.ts'
import type { CommandDialect, StartedWith, TurnStart } from './command-dialect.ts'
import { ruledReader, textReader } from './described-lines.ts'
import { fillArguments } from './fill-arguments.ts'

/** An agent as somebody described it. */
export function describedDialect(description: CommandDescription): CommandDialect {
  const { output = 'text' } = description
  const rules = output === 'text' ? [] : output.lines
  return {
    resumes: description.resume !== undefined,
    usage: rules.some((rule) => rule.usage !== undefined),
    ...(takesImages(description) ? { images: 'files' as const } : {}),
    stopSignal: description.stopSignal ?? 'SIGTERM',
    exitCodes: description.exitCodes ?? [0],
    saysEnd: rules.some((rule) => rule.end !== undefined),
    start: (turn) => startOf(description, turn),
    reader: (clock) => (output === 'text' ? textReader() : ruledReader(output, clock)),
  }
}

function startOf(description: CommandDescription, turn: TurnStart): StartedWith {
  const asArgument = description.prompt === 'argument'
  const values = {
    prompt: asArgument ? turn.prompt : undefined,
    session: turn.session,
    uuid: turn.uuid,
    model: turn.model,
    folder: turn.cwd,
    files: turn.folder,
    image: turn.images.map(({ path }) => path),
  }
  const later = turn.session === undefined ? undefined : description.resume
  const args = fillArguments([...(later ?? description.args ?? []), ...(description.extraArgs ?? [])], values)
  return { args, stdin: asArgument ? null : turn.prompt, keepsStdin: false }
}

function takesImages({ args = [], extraArgs = [] }: CommandDescription): boolean {
  return [...args, ...extraArgs].flat().some((part) => part.includes('{image}'))
}
