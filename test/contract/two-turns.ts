import type { AgentRunRef, AgentRunState, FindResult } from '../../src/domain/backend.ts'
import type { CollectedWork } from '../../src/domain/local-work.ts'
import { ended, never, type Stage } from './stage.ts'

const TASK = 'turns'
/** A slash at its front makes it a command to some agents' programs. */
export const WORDS = '/clear the table, then /help me.'

/** All that was to be seen of one attempt with two turns, in which nothing went wrong. */
export interface TwoTurns {
  readonly task: string
  readonly before: FindResult
  /** What its order was answered with, each time that it was given. */
  readonly refs: readonly AgentRunRef[]
  readonly found: FindResult
  readonly first: Omit<AgentRunState, 'at'>
  readonly second: Omit<AgentRunState, 'at'>
  /** What a look for turn 1, and for turn 2 before, just after and long after its prompt gave. */
  readonly looks: readonly string[]
  readonly work: CollectedWork | undefined
  readonly told: readonly string[]
}

const played = new WeakMap<Stage, Promise<TwoTurns>>()

/** An attempt that several cases look at: real agents take their time. Played when it is first asked for. */
export function twoTurns(stage: Stage): Promise<TwoTurns> {
  const known = played.get(stage) ?? play(stage)
  played.set(stage, known)
  return known
}

async function play(stage: Stage): Promise<TwoTurns> {
  const { backend } = stage
  const { idempotentCreate, turns } = backend.capabilities
  const key = stage.key(TASK)
  const look = (ref: AgentRunRef, turn: number) => backend.findTurn(ref, { key, turn }, never)
  const before = await backend.find(key, 0, never)
  const write = { act: 'write', path: 'spec.md', content: 'one\ntwo\n' } as const
  const order = stage.order({ task: TASK, acts: [write, { act: 'say', text: 'All is done.' }], words: WORDS })
  const again = idempotentCreate ? [backend.create(order, never)] : []
  const [ref, ...others] = await Promise.all([backend.create(order, never), ...again])
  const found = await backend.find(key, 0, never)
  const first = await ended(stage, ref)
  const late = idempotentCreate ? [await backend.create(order, never)] : []
  const looks: string[] = [await look(ref, 1)]
  const seen = { task: TASK, before, refs: [ref, ...others, ...late], found, first, looks }
  if (!turns) return { ...seen, second: first, work: undefined, told: [] }
  looks.push(await look(ref, 2))
  const text = stage.text(TASK, 2, [{ act: 'say', text: 'More is done.' }], WORDS)
  await backend.prompt(ref, { turn: 2, text }, never)
  looks.push(await look(ref, 2))
  await stage.until(async () => (await look(ref, 2)) === 'answered')
  looks.push(await look(ref, 2))
  const second = await ended(stage, ref)
  const work = await backend.collect?.(ref, 2, never)
  return { ...seen, second, work, told: (await stage.local?.told(TASK)) ?? [] }
}
