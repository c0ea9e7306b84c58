import elk, { type ElkExtendedEdge, type ElkNode } from 'elkjs'
import type { Chart, ChartEdge, ChartStart, ChartState, Point } from './chart-shape.ts'
import type { GraphEdge, GraphState, MachineGraph } from './read-machine.ts'

/** Pixels. Text is measured by its length: there are no fonts here, and each reader has others. */
const NAME = { character: 8, line: 22 }
const SMALL = { character: 6.7, line: 16 }
const PADDING = 12
const DOT = 12
const NARROWEST = 96
/** Room for the count of tasks at the right of a name. */
const BADGE = 34
/** Room for ` ×9` behind what was taken nine times, in characters. */
const TIMES = 3

const ROOT_OPTIONS = {
  'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
  'elk.json.shapeCoords': 'ROOT',
  'elk.json.edgeCoords': 'ROOT',
  'elk.randomSeed': '1',
  'elk.padding': '[top=16,left=16,bottom=16,right=16]',
}
/** Said to each compound state: the layout does not hand them down. */
const OPTIONS = {
  'elk.algorithm': 'layered',
  'elk.direction': 'DOWN',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
  'elk.layered.edgeLabels.centerLabelPlacementStrategy': 'HEAD_LAYER',
  'elk.layered.thoroughness': '40',
  'elk.spacing.nodeNode': '24',
  'elk.spacing.edgeLabel': '4',
  'elk.spacing.edgeEdge': '12',
  'elk.spacing.edgeNode': '16',
  'elk.layered.spacing.nodeNodeBetweenLayers': '28',
  'elk.layered.spacing.edgeNodeBetweenLayers': '14',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '12',
}

interface Start {
  readonly parent: string | undefined
  readonly dot: string
  readonly edge: ElkExtendedEdge
}

/** Places a machine's states and lines. The same machine gives the same picture, always. */
export async function layOutChart(graph: MachineGraph): Promise<Chart> {
  const nested: ElkNode = {
    id: 'root',
    layoutOptions: { ...OPTIONS, ...ROOT_OPTIONS },
    children: childrenOf(undefined, graph),
    edges: [...graph.edges.map((edge) => lineOf(edge, graph)), ...startsOf(graph).map(({ edge }) => edge)],
  }
  const root = await new elk.default().layout(nested)
  const boxes = new Map(allNodes(root).map((node) => [node.id, node]))
  const lines = new Map((root.edges ?? []).map((edge) => [edge.id, edge]))
  return {
    machine: graph.machine,
    width: Math.ceil(root.width ?? 0),
    height: Math.ceil(root.height ?? 0),
    rows: graph.rows,
    states: graph.states.map((state) => placedState(state, boxes.get(state.id))),
    edges: graph.edges.map((edge) => placedEdge(edge, lines.get(edgeId(edge)), isBack(edge, graph.states))),
    starts: startsOf(graph).map(({ dot, edge }) => placedStart(boxes.get(dot), lines.get(edge.id))),
  }
}

function childrenOf(parent: string | undefined, graph: MachineGraph): ElkNode[] {
  const states = graph.states.filter((state) => state.parent === parent)
  const start = startsOf(graph).find((candidate) => candidate.parent === parent)
  const dots = start ? [{ id: start.dot, width: DOT, height: DOT }] : []
  return [...dots, ...states.map((state) => nodeOf(state, graph))]
}

function nodeOf(state: GraphState, graph: MachineGraph): ElkNode {
  const { width, height } = sizeOf(state)
  if (state.kind !== 'compound') {
    return {
      id: state.id,
      width,
      height,
      ...(state.kind === 'final' ? { layoutOptions: { 'elk.layered.layering.layerConstraint': 'LAST' } } : {}),
    }
  }
  return {
    id: state.id,
    children: childrenOf(state.id, graph),
    layoutOptions: {
      ...OPTIONS,
      'elk.padding': `[top=${height + 14},left=18,bottom=18,right=18]`,
      'elk.nodeSize.constraints': 'MINIMUM_SIZE',
      'elk.nodeSize.minimum': `(${width},${height})`,
    },
  }
}

function sizeOf({ name, rows }: GraphState): { width: number; height: number } {
  const widths = [
    name.length * NAME.character + BADGE,
    ...rows.map(({ text, to }) => (text.length + (to === undefined ? 0 : TIMES)) * SMALL.character),
  ]
  return {
    width: Math.max(NARROWEST, Math.ceil(Math.max(...widths)) + 2 * PADDING),
    height: NAME.line + rows.length * SMALL.line + PADDING,
  }
}

const edgeId = ({ from, to }: GraphEdge) => `${from}>${to}`

function lineOf(edge: GraphEdge, { states }: MachineGraph): ElkExtendedEdge {
  const characters = edge.lines.map((line, index) => line.length + (index === 0 ? TIMES : 0))
  const width = Math.max(...characters) * SMALL.character + 8
  return {
    id: edgeId(edge),
    sources: [isBack(edge, states) ? edge.to : edge.from],
    targets: [isBack(edge, states) ? edge.from : edge.to],
    // One label of several lines: the page writes them under each other.
    labels: [{ text: edge.lines.join(' '), width: Math.ceil(width), height: edge.lines.length * SMALL.line + 2 }],
  }
}

/**
 * A machine's file tells its states in the order in which they are usually passed: that order runs down the picture. A line
 * against it is laid out the other way round, or it would turn the picture upside down.
 */
function isBack({ from, to }: GraphEdge, states: readonly GraphState[]): boolean {
  const place = (id: string) => states.findIndex((state) => state.id === id)
  return place(to) < place(from)
}

function startsOf({ initial, states }: MachineGraph): Start[] {
  const compounds = states.map((state) => ({ parent: state.id, target: state.initial }))
  return [{ parent: undefined, target: initial }, ...compounds].flatMap(({ parent, target }) => {
    if (target === undefined) return []
    const dot = `start of ${parent ?? 'the machine'}`
    return [{ parent, dot, edge: { id: dot, sources: [dot], targets: [target] } }]
  })
}

function allNodes(node: ElkNode): ElkNode[] {
  return [node, ...(node.children ?? []).flatMap(allNodes)]
}

function box({ x = 0, y = 0, width = 0, height = 0 }: { x?: number; y?: number; width?: number; height?: number }) {
  return { x: Math.round(x), y: Math.round(y), width: Math.round(width), height: Math.round(height) }
}

function placedState({ initial: _initial, parent, ...state }: GraphState, node: ElkNode | undefined): ChartState {
  return { ...state, ...(parent === undefined ? {} : { parent }), ...box(node ?? {}) }
}

function placedEdge({ lines, ...edge }: GraphEdge, line: ElkExtendedEdge | undefined, back: boolean): ChartEdge {
  const points = pointsOf(line)
  return { ...edge, points: back ? points.reverse() : points, label: { lines, ...box(line?.labels?.[0] ?? {}) } }
}

function placedStart(dot: ElkNode | undefined, line: ElkExtendedEdge | undefined): ChartStart {
  const { x, y, width, height } = box(dot ?? {})
  return { dot: [x + width / 2, y + height / 2], points: pointsOf(line) }
}

function pointsOf(line: ElkExtendedEdge | undefined): Point[] {
  return (line?.sections ?? []).flatMap(({ startPoint, bendPoints = [], endPoint }) =>
    [startPoint, ...bendPoints, endPoint].map(({ x, y }): Point => [Math.round(x), Math.round(y)]),
  )
}
