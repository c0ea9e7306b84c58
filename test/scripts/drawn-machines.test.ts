import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import type { AnyStateMachine, AnyStateNode } from 'xstate'
import type { Box, Chart } from '../../scripts/chart-shape.ts'
import { drawMachines } from '../../scripts/drawn-machines.ts'
import { agentMachine } from '../../src/machines/agent-machine.ts'
import { managerMachine } from '../../src/machines/manager-machine.ts'
import { planningMachine } from '../../src/machines/planning-machine.ts'
import { supervisorMachine } from '../../src/machines/supervisor-machine.ts'

const MACHINES: readonly (readonly [string, AnyStateMachine])[] = [
  ['agent', agentMachine],
  ['manager', managerMachine],
  ['planner', planningMachine],
  ['supervisor', supervisorMachine],
]
const drawn = drawMachines()

async function chartOf(machine: string): Promise<Chart> {
  return JSON.parse((await drawn).get(`${machine}.chart.json`) ?? '')
}

function nodesOf(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(nodesOf)]
}

function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
}

function inside(inner: Box, outer: Box): boolean {
  return (
    inner.x >= outer.x &&
    inner.y >= outer.y &&
    inner.x + inner.width <= outer.x + outer.width &&
    inner.y + inner.height <= outer.y + outer.height
  )
}

describe('the drawn machines', () => {
  it('are those that the page shows: after a change of a machine, npm run machines', async () => {
    for (const [name, text] of await drawn) {
      const shown = await readFile(new URL(`../../src/server/assets/${name}`, import.meta.url), 'utf8')
      expect([name, shown === text]).toEqual([name, true])
    }
    expect((await drawn).size).toEqual(4)
  })

  it('come out the same each time', async () => {
    expect(await drawMachines()).toEqual(await drawn)
  })

  it.each(MACHINES)(
    'hold every state and every transition of the %s, as a line or as a row',
    async (name, { root }) => {
      const chart = await chartOf(name)
      const rowsOf = (id: string) =>
        id === '' ? chart.rows : (chart.states.find((state) => state.id === id)?.rows ?? [])
      const missing: string[] = []
      for (const node of nodesOf(root)) {
        const from = node.path.join('.')
        if (from !== '' && !chart.states.some(({ id }) => id === from)) missing.push(from)
        for (const { eventType, target = [undefined], actions } of [
          ...[...node.transitions.values()].flat(),
          ...(node.always ?? []),
        ]) {
          for (const leads of target as readonly (AnyStateNode | undefined)[]) {
            const to = leads?.path.join('.')
            const isLine = chart.edges.some(
              (edge) => edge.from === from && edge.to === to && edge.events.includes(eventType),
            )
            const isRow = rowsOf(from).some((row) => row.event === eventType && row.to === to)
            const says = to !== undefined || actions.length > 0
            if (says && !isLine && !isRow) missing.push(`${from} ${eventType} ${to}`)
          }
        }
      }
      expect(missing).toEqual([])
    },
  )

  it.each(MACHINES)(
    'have no box of the %s over another, none outside its parent, and no label over a box',
    async (name) => {
      const { states, edges, width, height } = await chartOf(name)
      const solid = states.filter(({ kind }) => kind !== 'compound')
      const wrong: string[] = []
      for (const [index, state] of solid.entries()) {
        for (const other of solid.slice(index + 1))
          if (overlap(state, other)) wrong.push(`${state.id} over ${other.id}`)
        for (const { label } of edges)
          if (overlap(label, state)) wrong.push(`${label.lines.join(' ')} over ${state.id}`)
      }
      for (const state of states) {
        const parent = states.find(({ id }) => id === state.parent) ?? { x: 0, y: 0, width, height }
        if (!inside(state, parent)) wrong.push(`${state.id} outside`)
      }
      for (const { label } of edges)
        if (!inside(label, { x: 0, y: 0, width, height })) wrong.push(label.lines.join(' '))
      expect(wrong).toEqual([])
    },
  )

  it.each(MACHINES)('have no two labels of the %s over each other', async (name) => {
    const { edges } = await chartOf(name)
    const over = edges.flatMap(({ label }, index) =>
      edges
        .slice(index + 1)
        .flatMap((other) => (overlap(label, other.label) ? [[label.lines, other.label.lines]] : [])),
    )
    expect(over).toEqual([])
  })

  it.each(MACHINES)('lead each line of the %s from the edge of its state to the edge of the next', async (name) => {
    const { states, edges } = await chartOf(name)
    const touches = (id: string, [x, y] = [0, 0]) => {
      const box = states.find((state) => state.id === id)
      if (!box) return false
      const onSide = Math.abs(x - box.x) <= 1 || Math.abs(x - box.x - box.width) <= 1
      const onTop = Math.abs(y - box.y) <= 1 || Math.abs(y - box.y - box.height) <= 1
      const within = x >= box.x - 1 && x <= box.x + box.width + 1 && y >= box.y - 1 && y <= box.y + box.height + 1
      return within && (onSide || onTop)
    }
    const loose = edges.filter(
      ({ from, to, points }) =>
        !touches(from, [...(points[0] ?? [])] as [number, number]) ||
        !touches(to, [...(points.at(-1) ?? [])] as [number, number]),
    )
    expect(loose.map(({ from, to }) => `${from} -> ${to}`)).toEqual([])
  })

  it('say in words what a guard compares with, and what is left where none held', async () => {
    const { edges } = await chartOf('agent')
    const lines = (from: string, to: string) => edges.find((edge) => edge.from === from && edge.to === to)?.label.lines
    expect([
      lines('live.running.watching', 'live.reporting'),
      lines('live.creating.reconciling', 'live.escalated.doubtful'),
      lines('live.running', 'live.running.stopping'),
      lines('live.creating.calling', 'live.pending.waiting'),
    ]).toEqual([
      ['done: watch', '[complete]'],
      ['done: reconcile', '[else]', 'error: reconcile'],
      ['after deadline', '[canCancel]'],
      ['error: create', '[isBlocked]', '[isPutBack]'],
    ])
  })
})
