import { agentMachine } from '../src/machines/agent-machine.ts'
import { managerMachine } from '../src/machines/manager-machine.ts'
import { planningMachine } from '../src/machines/planning-machine.ts'
import { supervisorMachine } from '../src/machines/supervisor-machine.ts'
import type { Chart } from './chart-shape.ts'
import { layOutChart } from './lay-out-chart.ts'
import { readMachine } from './read-machine.ts'

const MACHINES = [
  ['agent', agentMachine],
  ['manager', managerMachine],
  ['planner', planningMachine],
  ['supervisor', supervisorMachine],
] as const

/** The assets that hold the drawn machines: file name -> text. */
export async function drawMachines(): Promise<ReadonlyMap<string, string>> {
  const charts = await Promise.all(
    MACHINES.map(([name, machine]) => layOutChart({ ...readMachine(machine), machine: name })),
  )
  return new Map(charts.map((chart) => [`${chart.machine}.chart.json`, textOf(chart)]))
}

/** A line for each state and each line of the picture, so that a change of the machine reads as one. */
function textOf({ states, edges, ...rest }: Chart): string {
  const lines = (items: readonly object[]) => `[\n${items.map((item) => JSON.stringify(item)).join(',\n')}\n]`
  return `${JSON.stringify(rest).slice(0, -1)},\n"states":${lines(states)},\n"edges":${lines(edges)}}\n`
}
