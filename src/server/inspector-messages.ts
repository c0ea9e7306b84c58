import { SUPERVISOR } from '../domain/ids.ts'
import type { InspectedSnapshot, Inspection } from '../domain/inspection.ts'
import type { JsonObject } from '../domain/json.ts'
import type { ActorKind } from '../domain/record.ts'
import { definitionLiteral, type InspectedMachine } from './inspector-definition.ts'
import { hidden, sanitiseEvent, sanitiseSnapshot } from './inspector-sanitise.ts'

/** Which actor a message is about. */
export interface InspectedActor {
  readonly run: string
  readonly actor: string
  readonly kind: ActorKind
}

/** Version of the messages of `@statelyai/inspect` that are spoken. */
const INSPECT_VERSION = '0.7.2'
/** Longer ones leave the context out. The definition does not count: it is ours. */
const MOST_CHARACTERS = 64 * 1024

/** The id by which an inspector knows an actor: the same after a restart, unlike XState's own. */
export function sessionOf({ run, actor }: Pick<InspectedActor, 'run' | 'actor'>): string {
  return `${run}/${actor}`
}

/** An actor is there: what it is made of, whose child it is, how it stands. `at` is ms. */
export function actorMessage(about: InspectedActor, snapshot: InspectedSnapshot, at: number): string {
  const head = JSON.stringify({
    type: '@xstate.actor',
    name: about.actor === SUPERVISOR ? sessionOf(about) : about.actor,
    ...addresses(about),
    ...(about.actor === SUPERVISOR ? {} : { parentId: rootOf(about) }),
  })
  const shown = `"snapshot":${snapshotText(about.kind, snapshot)}`
  return `${head.slice(0, -1)},"definition":${definitionLiteral(machineOf(about.kind, snapshot))},${shown},${stamp(at)}}`
}

/** An event came to an actor. `at` is ms. */
export function eventMessage(inspection: Extract<Inspection, { type: 'event' }>, at: number): string {
  const { run, source, event } = inspection
  const head = JSON.stringify({
    type: '@xstate.event',
    event: sanitiseEvent(event),
    ...(source === undefined ? {} : { sourceId: sessionOf({ run, actor: source }) }),
    ...addresses(inspection),
  })
  return `${head.slice(0, -1)},${stamp(at)}}`
}

/** An actor reached a state. `at` is ms. */
export function snapshotMessage(
  about: InspectedActor,
  event: { readonly type: string } & JsonObject,
  snapshot: InspectedSnapshot,
  at: number,
): string {
  const head = JSON.stringify({ type: '@xstate.snapshot', event: sanitiseEvent(event), ...addresses(about) })
  return `${head.slice(0, -1)},"snapshot":${snapshotText(about.kind, snapshot)},${stamp(at)}}`
}

/** Only a manager that plans counts its decisions. */
function machineOf(kind: ActorKind, { context }: InspectedSnapshot): InspectedMachine {
  return kind === 'manager' && context['rounds'] !== undefined ? 'planner' : kind
}

const rootOf = ({ run }: InspectedActor) => sessionOf({ run, actor: SUPERVISOR })
const addresses = (about: InspectedActor) => ({ sessionId: sessionOf(about), rootId: rootOf(about) })
const stamp = (at: number) => `"createdAt":"${at}","id":null,"_version":"${INSPECT_VERSION}"`

function snapshotText(kind: ActorKind, snapshot: InspectedSnapshot): string {
  const shown = sanitiseSnapshot(kind, snapshot)
  const text = JSON.stringify(shown)
  if (text.length <= MOST_CHARACTERS) return text
  return JSON.stringify({ ...shown, context: { tooLarge: hidden(shown['context']) } })
}
