import type { StandInOptions } from '../../src/backends/codegen/stand-in/stand-in.ts'
import type { RunRecord } from '../../src/domain/record.ts'
import { defineWorkflow } from '../../src/workflow/define.ts'
import { inWorld, type World, type WorldOptions } from '../simulation/world.ts'
import { ScriptedNetwork } from './network.ts'

/** Runs `live` in a world whose network does as it is told. */
export function inTrouble(
  live: (world: World, network: ScriptedNetwork) => Promise<void>,
  options: WorldOptions = {},
): Promise<void> {
  const network = new ScriptedNetwork()
  return inWorld({ ...options, network: network.carry }, (world) => live(world, network))
}

/** An account that lists runs without the metadata they were created with. */
export const WITHOUT_METADATA: { readonly standIn: Partial<StandInOptions> } = { standIn: { keepMetadata: false } }

const DEFAULTS = { repository: 'acme/shop', retry: { attempts: 1 } } as const

/** One task, which is to be created once. */
export const ONE = defineWorkflow({
  name: 'one',
  defaults: DEFAULTS,
  tasks: { one: { prompt: 'Work', simulate: { duration: '2m', result: 'Done.' } } },
})

/** Whether a record takes the actor to the state. */
export const arrives = (actor: string, state: string) => (record: RunRecord) =>
  record.actor.id === actor && record.to === state

/** What was recorded of an actor's arrival at a state. */
export function dataOf(world: World, actor: string, state: string) {
  return world.records.filter(arrives(actor, state)).map(({ data }) => data)
}

/** Codes and texts of the alerts that were raised. */
export function alerts(world: World): readonly string[] {
  return world.records
    .filter(({ type }) => type === 'alert')
    .map(({ data }) => `${data?.['code']}: ${data?.['message']}`)
}

/** The process dies, and another one takes the folder and goes on. */
export async function restart(world: World): Promise<void> {
  world.kill()
  await world.open()
  await world.resumed()
}
