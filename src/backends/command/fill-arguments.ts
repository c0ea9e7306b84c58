import type { CommandArgument } from '../../domain/agent-description.ts'

/** What stands for what in arguments; undefined has no value. */
export type ArgumentValues = Readonly<
  Record<'prompt' | 'session' | 'uuid' | 'model' | 'folder' | 'files', string | undefined>
>

const PLACE = /\{(prompt|session|uuid|model|folder|files)\}/g

/** Arguments with their values; what has a place without one is left out, a group as a whole. A value is never read again. */
export function fillArguments(args: readonly CommandArgument[], values: ArgumentValues): readonly string[] {
  return args.flatMap((argument) => {
    const group = typeof argument === 'string' ? [argument] : argument
    const isFull = group.every((part) => placesIn(part).every((name) => values[name] !== undefined))
    return isFull ? group.map((part) => part.replace(PLACE, (_, name: keyof ArgumentValues) => values[name] ?? '')) : []
  })
}

/** The places in an argument. */
function placesIn(argument: string): readonly (keyof ArgumentValues)[] {
  return [...argument.matchAll(PLACE)].map(([, name]) => name).filter(isPlace)
}

function isPlace(name: string | undefined): name is keyof ArgumentValues {
  return name !== undefined
}
