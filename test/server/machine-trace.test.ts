import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { AnyStateMachine, AnyStateNode, StateValue } from 'xstate'
import type { Chart, ChartState } from '../../scripts/chart-shape.ts'
import { agentMachine } from '../../src/machines/agent-machine.ts'
import { managerMachine } from '../../src/machines/manager-machine.ts'
import { publicState } from '../../src/machines/public-state.ts'
import { supervisorMachine } from '../../src/machines/supervisor-machine.ts'

/** The page's own script, which needs nothing of a browser. */
interface MachineTrace {
  stateNamed(chart: Chart, name: string | undefined): ChartState | undefined
  takenBy(chart: Chart, transition: object): { edge: number } | { state: string; row: number } | undefined
  countTaken(chart: Chart, transitions: readonly object[]): Map<string, number>
  wordsOf(chart: Chart, state: ChartState): string[]
  toneOf(name: string): string
}

const ASSETS = new URL('../../src/server/assets/', import.meta.url)
const trace: MachineTrace = await import(new URL('machine-trace.js', ASSETS).href)
const chartOf = (machine: string): Chart => JSON.parse(readFileSync(new URL(`${machine}.chart.json`, ASSETS), 'utf8'))

const MACHINES: readonly (readonly [string, AnyStateMachine])[] = [
  ['agent', agentMachine],
  ['manager', managerMachine],
  ['supervisor', supervisorMachine],
]

function leavesOf(node: AnyStateNode): AnyStateNode[] {
  const inner = Object.values(node.states)
  return inner.length === 0 ? [node] : inner.flatMap(leavesOf)
}

/** Where an actor ends up that enters the node. */
function leafOf(node: AnyStateNode): AnyStateNode {
  const [next] = node.initial.target ?? []
  return next === undefined ? node : leafOf(next)
}

function nameOf({ path }: AnyStateNode): string {
  return publicState(path.slice(0, -1).reduceRight<StateValue>((inner, key) => ({ [key]: inner }), path.at(-1) ?? ''))
}

describe('a drawn machine', () => {
  it.each(MACHINES)('has one state for each name that records give a state of the %s', (machine, { root }) => {
    const chart = chartOf(machine)
    const found = leavesOf(root).map((leaf) => [nameOf(leaf), trace.stateNamed(chart, nameOf(leaf))?.id])
    expect(found).toEqual(leavesOf(root).map((leaf) => [nameOf(leaf), leaf.path.join('.')]))
  })

  it.each(MACHINES)('shows what every transition of the %s took, as its record tells it', (machine, { root }) => {
    const chart = chartOf(machine)
    const lost: string[] = []
    for (const leaf of leavesOf(root)) {
      for (let node: AnyStateNode | undefined = leaf; node; node = node.parent) {
        for (const { eventType, target = [] } of [...node.transitions.values()].flat()) {
          for (const next of target as readonly AnyStateNode[]) {
            const record = { from: nameOf(leaf), to: nameOf(leafOf(next)), event: eventType }
            if (trace.takenBy(chart, record) === undefined) lost.push(JSON.stringify(record))
          }
        }
      }
    }
    expect(lost).toEqual([])
  })

  it('counts what was taken, drawn or written, and passes over what it does not know', () => {
    const chart = chartOf('agent')
    const slots = { from: 'pending', to: 'creating', event: 'xstate.done.actor.slots' }
    const counts = trace.countTaken(chart, [
      { to: 'pending', event: 'start' },
      slots,
      slots,
      { from: 'running', to: 'recovering', event: 'xstate.done.actor.watch' },
      { from: 'running', to: 'nowhere', event: 'xstate.done.actor.watch' },
      { from: 'other', to: 'pending', event: 'x' },
    ])
    const edge = chart.edges.findIndex(({ from, to }) => from === 'live.pending.waiting' && to === 'live.creating')
    const watching = chart.states.find(({ id }) => id === 'live.running.watching')
    // A record does not tell the guard: of several ways to one state the first is shown.
    const row = watching?.rows.findIndex(({ text }) => /^done: watch .*→ recovering$/.test(text))
    expect([...counts]).toEqual([
      [`edge ${edge}`, 2],
      [`live.running.watching ${row}`, 1],
    ])
  })

  it('reads as a list too: what runs in a state, and where it leads', () => {
    const chart = chartOf('supervisor')
    const paused = trace.stateNamed(chart, 'paused')
    expect(paused && trace.wordsOf(chart, paused)).toEqual([
      'run.continue → running',
      'run.cancel graph.settled → finishing',
    ])
  })

  it('gives each state a tone, and one that waits for a person its own', () => {
    const names = [
      'pending',
      'running',
      'running.needsInput',
      'retrying',
      'escalated.overdue',
      'failed',
      'completed',
      'toString',
    ]
    expect(names.map((name) => trace.toneOf(name))).toEqual([
      'neutral',
      'work',
      'person',
      'repair',
      'person',
      'bad',
      'good',
      'neutral',
    ])
  })
})
