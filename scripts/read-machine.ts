import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition, StateValue } from 'xstate'
import { publicState } from '../src/machines/public-state.ts'
import type { ChartRow } from './chart-shape.ts'

/** A machine's states and transitions, read from its live state nodes: a definition as JSON has lost guards and delays. */
export interface MachineGraph {
  readonly machine: string
  /** Where it begins. */
  readonly initial: string
  readonly rows: readonly ChartRow[]
  readonly states: readonly GraphState[]
  readonly edges: readonly GraphEdge[]
}

export interface GraphState {
  readonly id: string
  readonly name: string
  readonly public: string
  readonly kind: 'atomic' | 'compound' | 'final'
  readonly parent: string | undefined
  /** Where a compound begins. */
  readonly initial: string | undefined
  readonly rows: readonly ChartRow[]
}

export interface GraphEdge {
  readonly from: string
  readonly to: string
  readonly lines: readonly string[]
  readonly events: readonly string[]
}

/** One transition; without `to` it changes no state. */
interface Step {
  readonly from: string
  readonly to: string | undefined
  readonly event: string
  readonly label: string
  readonly guard: string
}

/** What comes from more states than this is written in their boxes: as lines it would hide all the others. */
const MOST_SOURCES = { ofEvent: 3, ofState: 5 }
const INNER_EVENT = /^(?:xstate\.|$)/

/** Reads a machine as people are to see it. */
export function readMachine({ root }: AnyStateMachine): MachineGraph {
  const nodes = flatten(root)
  const { drawn, written } = divide(nodes.flatMap(stepsOf))
  return {
    machine: root.key,
    initial: pathOf(root.initial.target?.[0] ?? root),
    rows: written.filter(({ from }) => from === '').map(rowOf),
    states: nodes.filter((node) => node !== root).map((node) => stateOf(node, written)),
    edges: merge(drawn),
  }
}

/** The id of a node: its path below the root, with dots. */
function pathOf(node: AnyStateNode): string {
  return node.path.join('.')
}

function flatten(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(flatten)]
}

function stateOf(node: AnyStateNode, written: readonly Step[]): GraphState {
  const id = pathOf(node)
  const publicName = node.type === 'compound' ? '' : publicState(valueIn(node))
  const initial = node.initial.target?.[0]
  return {
    id,
    name: node.key,
    public: publicName,
    kind: node.type === 'final' ? 'final' : node.type === 'compound' ? 'compound' : 'atomic',
    parent: node.parent && node.parent.path.length > 0 ? pathOf(node.parent) : undefined,
    initial: initial && pathOf(initial),
    rows: [
      // What is watched is told as running: people look for that word.
      ...(publicName === '' || lastWord(publicName) === node.key ? [] : [{ text: `= ${publicName}` }]),
      ...node.invoke.map(({ src }) => ({ text: `▸ ${String(src)}` })),
      ...written.filter(({ from }) => from === id).map(rowOf),
      ...sourcesRow(written.filter(({ to }) => to === id)),
    ],
  }
}

/** Says that states lead here although no line does. */
function sourcesRow(steps: readonly Step[]): ChartRow[] {
  const { size } = new Set(steps.map(({ from }) => from))
  return size === 0 ? [] : [{ text: `← from ${size} ${size === 1 ? 'state' : 'states'}, see there` }]
}

/** The value of an actor that is in this state. */
function valueIn({ path }: AnyStateNode): StateValue {
  return path.slice(0, -1).reduceRight<StateValue>((inner, key) => ({ [key]: inner }), path.at(-1) ?? '')
}

function stepsOf(node: AnyStateNode): Step[] {
  const all = [...[...node.transitions.values()].flat(), ...(node.always ?? [])]
  // `manager.finish: {}` is taken without anything coming of it.
  const real = all.filter(({ target, actions }) => target !== undefined || actions.length > 0)
  return real.flatMap((transition) => {
    const earlier = all.slice(0, all.indexOf(transition)).some(({ eventType }) => eventType === transition.eventType)
    const step = {
      from: pathOf(node),
      event: transition.eventType,
      label: eventLabel(transition),
      guard: guardLabel(transition, earlier),
    }
    const targets: readonly (AnyStateNode | undefined)[] = transition.target ?? [undefined]
    return targets.map((target) => ({ ...step, to: target && pathOf(target) }))
  })
}

function eventLabel({ eventType, source }: AnyTransitionDefinition): string {
  if (eventType === '') return 'always'
  const timer = source.after.find((delayed) => delayed.eventType === eventType)
  if (timer) return `after ${typeof timer.delay === 'number' ? `${timer.delay / 1000} s` : String(timer.delay)}`
  const effect = /^xstate\.(done|error)\.actor\.(.+)$/.exec(eventType)
  return effect ? `${effect[1]}: ${effect[2] === '*' ? 'any actor' : effect[2]}` : eventType
}

/** `[guard]`; for a guard that compares with a word, `[word]`. */
function guardLabel({ guard }: AnyTransitionDefinition, isAlternative: boolean): string {
  if (guard === undefined) return isAlternative ? '[else]' : ''
  if (typeof guard === 'string') return `[${guard}]`
  if (typeof guard === 'function') return '[condition]'
  return `[${comparedWord(guard.params) ?? guard.type}]`
}

function comparedWord(params: unknown): string | undefined {
  let given = params
  if (typeof params === 'function') {
    try {
      given = params({ context: {}, event: { output: {}, error: {} } })
    } catch {
      // It needs a real event: its guard's name says enough.
      return undefined
    }
  }
  const words = given as { as?: unknown; outcome?: unknown } | undefined
  const word = words?.as ?? words?.outcome
  return typeof word === 'string' ? word : undefined
}

function divide(steps: readonly Step[]): { drawn: Step[]; written: Step[] } {
  const leading = steps.filter(({ to }) => to !== undefined)
  const outside = leading.filter(({ event }) => !INNER_EVENT.test(event))
  const byEvent = countSources(outside, ({ event }) => event)
  const isCommon = ({ event }: Step) => (byEvent.get(event) ?? 0) > MOST_SOURCES.ofEvent
  const rest = leading.filter((step) => !isCommon(step))
  const byTarget = countSources(rest, ({ to }) => to ?? '')
  const isDrawn = ({ to }: Step) => (byTarget.get(to ?? '') ?? 0) <= MOST_SOURCES.ofState
  const drawn = rest.filter(isDrawn)
  return { drawn, written: steps.filter((step) => !drawn.includes(step)) }
}

function countSources(steps: readonly Step[], keyOf: (step: Step) => string): ReadonlyMap<string, number> {
  const sources = new Map<string, Set<string>>()
  for (const step of steps) sources.set(keyOf(step), (sources.get(keyOf(step)) ?? new Set()).add(step.from))
  return new Map([...sources].map(([key, states]) => [key, states.size]))
}

function rowOf({ label, guard, to, event }: Step): ChartRow {
  const words = guard === '' ? label : `${label} ${guard}`
  return to === undefined ? { text: words, event } : { text: `${words} → ${lastWord(to)}`, event, to }
}

function merge(steps: readonly Step[]): GraphEdge[] {
  const edges = new Map<string, { from: string; to: string; labels: Map<string, string[]>; events: Set<string> }>()
  for (const { from, to = '', event, label, guard } of steps) {
    const key = `${from}>${to}`
    const edge = edges.get(key) ?? { from, to, labels: new Map<string, string[]>(), events: new Set<string>() }
    edges.set(key, edge)
    edge.labels.set(label, [...(edge.labels.get(label) ?? []), ...(guard === '' ? [] : [guard])])
    edge.events.add(event)
  }
  return [...edges.values()].map(({ from, to, labels, events }) => ({
    from,
    to,
    lines: [...labels].flat(2),
    events: [...events],
  }))
}

function lastWord(id: string): string {
  return id.slice(id.lastIndexOf('.') + 1)
}
