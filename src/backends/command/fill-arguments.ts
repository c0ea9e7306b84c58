import type { CommandArgument } from '../../domain/agent-description.ts'

/** What stands for what in arguments; undefined has no value. */
export interface ArgumentValues
  extends Readonly<Record<'prompt' | 'session' | 'uuid' | 'model' | 'folder' | 'files', string | undefined>> {
  readonly image: readonly string[]
}

type Values = Readonly<Record<keyof ArgumentValues, string | undefined>>

const PLACE = /\{(prompt|session|uuid|model|folder|files|image)\}/g

/**
 * Arguments with their values; what has a place without one is left out, a group as a whole, and what has a place for an image is there once
 * for each. A value is never read again.
 */
export function fillArguments(
  args: readonly CommandArgument[],
  { image: images, ...values }: ArgumentValues,
): readonly string[] {
  return args.flatMap((argument) => {
    const group = typeof argument === 'string' ? [argument] : argument
    const isOfImages = group.some((part) => placesIn(part).includes('image'))
    const shown = isOfImages ? images : [undefined]
    return shown.flatMap((image) => filled(group, { ...values, image }))
  })
}

function filled(group: readonly string[], values: Values): readonly string[] {
  const isFull = group.every((part) => placesIn(part).every((name) => values[name] !== undefined))
  return isFull ? group.map((part) => part.replace(PLACE, (_, name: keyof Values) => values[name] ?? '')) : []
}

/** The places in an argument. */
function placesIn(argument: string): readonly (keyof Values)[] {
  return [...argument.matchAll(PLACE)].map(([, name]) => name).filter(isPlace)
}

function isPlace(name: string | undefined): name is keyof Values {
  return name !== undefined
}
