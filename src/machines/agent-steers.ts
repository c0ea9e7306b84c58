/** What people said to a task that nobody asked for: how far each got on its way to the agent. */

/**
 * `queued`: not sent yet. `sent`: on its way, recorded before it leaves. `delivered`: the backend took it. `maybe`: nobody knows, and
 * it is not sent again. `refused`: the backend certainly did not take it.
 */
export interface Steer {
  readonly text: string
  readonly state: 'queued' | 'sent' | 'delivered' | 'maybe' | 'refused'
}

/** How many may wait for their way to the agent, and how many a task keeps in all. */
export const MOST_STEERS = 5
/** What a person's text may hold in a machine's context: it is journaled at each transition. */
const MOST_SAID = 8_192

interface Steered {
  readonly steers?: readonly Steer[] | undefined
}

/** A person's text as it is kept. */
export const cutSaid = (text: string): string => text.slice(0, MOST_SAID)

export const hasQueued = ({ steers = [] }: Steered): boolean => steers.some(({ state }) => state === 'queued')

/** Whether another may be queued. */
export function hasRoom({ steers = [] }: { readonly steers?: readonly Pick<Steer, 'state'>[] | undefined }): boolean {
  return steers.filter(({ state }) => isUnderWay(state)).length < MOST_STEERS
}

/** With one more; of those that need nothing any more the oldest makes room. */
export function withSteer({ steers = [] }: Steered, text: string): readonly Steer[] {
  const all = [...steers, { text: cutSaid(text), state: 'queued' as const }]
  const settled = all.findIndex(({ state }) => !isUnderWay(state))
  return all.length > MOST_STEERS && settled >= 0 ? all.toSpliced(settled, 1) : all
}

/** Those in state `from` are now in state `to`; undefined when there is none at all. */
export function moveSteers(
  { steers }: Steered,
  from: Steer['state'],
  to: Steer['state'],
): readonly Steer[] | undefined {
  return steers?.map((steer) => (steer.state === from ? { ...steer, state: to } : steer))
}

/** A new agent has heard nothing of what the one before was told. */
export function steersAnew({ steers }: Steered): readonly Steer[] | undefined {
  return steers?.map(({ text }) => ({ text, state: 'queued' }))
}

/** The texts that are on their way. */
export function sentTexts({ steers = [] }: Steered): readonly string[] {
  return steers.flatMap(({ text, state }) => (state === 'sent' ? [text] : []))
}

function isUnderWay(state: Steer['state']): boolean {
  return state === 'queued' || state === 'sent'
}
