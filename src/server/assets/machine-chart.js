// @ts-check
import { keyOf, stateNamed, toneOf, withAncestors } from './machine-trace.js'

/** @typedef {import('./machine-trace.js').Chart} Chart */
/** @typedef {import('./machine-trace.js').ChartState} ChartState */

const SVG = 'http://www.w3.org/2000/svg'
const LEFT = 12
const FIRST_LINE = 17
const FIRST_ROW = 34
const LINE = 16
const BADGE = { width: 30, height: 18 }

/** The picture of a machine. It is drawn once; what is where is shown by classes and texts, and only where that differs. */
export class MachineChart {
  /** @type {Map<string, { group: SVGElement, badge: SVGElement }>} */
  #states = new Map()
  /** What was taken is counted behind its text. @type {Map<string, { element: SVGElement, text: string }>} */
  #counted = new Map()
  /** @type {SVGElement[]} */
  #edges
  /** The classes that an element was given here. @type {Map<Element, string>} */
  #given = new Map()

  /** @param {Chart} chart */
  constructor(chart) {
    this.chart = chart
    const compounds = chart.states.filter(({ kind }) => kind === 'compound').map((state) => this.#state(state))
    const states = chart.states.filter(({ kind }) => kind !== 'compound').map((state) => this.#state(state))
    const starts = chart.starts.flatMap(({ dot, points }) => [
      draw('circle', { class: 'start', cx: dot[0], cy: dot[1], r: 6 }),
      lineOf(points),
    ])
    this.#edges = chart.edges.map(({ points }) => lineOf(points))
    const labels = chart.edges.map((_, edge) => this.#label(edge))
    this.svg = draw(
      'svg',
      {
        viewBox: `0 0 ${chart.width} ${chart.height}`,
        role: 'img',
        'aria-label': `State machine ${chart.machine}. The same follows as a list.`,
      },
      arrowHeads(),
      ...compounds,
      ...this.#edges,
      ...starts,
      ...states,
      ...labels,
    )
  }

  /**
   * @param {{ active: string | undefined, counts: ReadonlyMap<string, number>, taken: ReadonlyMap<string, number> }} facts
   *   the public name of the chosen actor's state; how many actors are in each; what was taken how often
   */
  mark({ active, counts, taken }) {
    const [leaf, ...around] = withAncestors(this.chart, stateNamed(this.chart, active))
    for (const state of this.chart.states) {
      const count = state.kind === 'compound' ? 0 : (counts.get(state.public) ?? 0)
      this.#markState(state, state === leaf ? 'active' : around.includes(state) ? 'around' : '', active, count)
    }
    for (const [key, { element, text }] of this.#counted) {
      const times = taken.get(key) ?? 0
      const words = times > 0 ? `${text} ×${times}` : text
      if (element.textContent !== words) element.textContent = words
      this.#give(element, times > 0 ? 'taken' : '')
    }
    for (const [edge, line] of this.#edges.entries()) {
      const isTaken = taken.has(keyOf({ edge }))
      this.#give(line, isTaken ? 'taken' : '')
      line.setAttribute('marker-end', isTaken ? 'url(#arrow-taken)' : 'url(#arrow)')
    }
  }

  /** @param {ChartState} state @param {string} place @param {string | undefined} active @param {number} count */
  #markState(state, place, active, count) {
    const drawn = this.#states.get(state.id)
    if (!drawn) return
    const tone = toneOf(active && place ? active : state.public)
    this.#give(drawn.group, `${place} ${count > 0 ? 'busy' : ''} tone-${tone}`)
    setBadge(drawn.badge, state, count)
  }

  /** @param {ChartState} state */
  #state(state) {
    const { id, width, height, kind } = state
    const badge = draw('g', { class: 'badge' })
    const rows = state.rows.map(({ text }, row) => {
      const element = draw('text', { x: LEFT, y: FIRST_ROW + row * LINE, class: 'row' }, text)
      this.#counted.set(keyOf({ state: id, row }), { element, text })
      return element
    })
    const inner = { class: 'inner', x: 3, y: 3, width: width - 6, height: height - 6, rx: 5 }
    const group = draw(
      'g',
      { class: `state ${kind}`, transform: `translate(${state.x} ${state.y})` },
      draw('rect', { width, height, rx: 8 }),
      ...(kind === 'final' ? [draw('rect', inner)] : []),
      draw('text', { x: LEFT, y: FIRST_LINE, class: 'name' }, state.name),
      ...rows,
      badge,
    )
    this.#states.set(id, { group, badge })
    return group
  }

  /** @param {number} edge */
  #label(edge) {
    const label = this.chart.edges[edge]?.label ?? { x: 0, y: 0, lines: [] }
    const lines = label.lines.map((text, index) => {
      const element = draw('tspan', { x: label.x + 4, y: label.y + 12 + index * LINE }, text)
      if (index === 0) this.#counted.set(keyOf({ edge }), { element, text })
      return element
    })
    return draw('text', { class: 'label' }, ...lines)
  }

  /** @param {Element} element @param {string} names */
  #give(element, names) {
    const before = this.#given.get(element) ?? ''
    if (before === names) return
    element.classList.remove(...before.split(' ').filter(Boolean))
    element.classList.add(...names.split(' ').filter(Boolean))
    this.#given.set(element, names)
  }
}

/** @param {SVGElement} badge @param {ChartState} state @param {number} count */
function setBadge(badge, state, count) {
  if (badge.dataset['count'] === String(count)) return
  badge.dataset['count'] = String(count)
  badge.replaceChildren()
  if (count === 0) return
  const x = state.width - BADGE.width - 5
  badge.append(
    draw('rect', { x, y: 5, width: BADGE.width, height: BADGE.height, rx: 9 }),
    draw('text', { x: x + BADGE.width / 2, y: 18, 'text-anchor': 'middle' }, count > 9999 ? '9999+' : String(count)),
    draw('title', {}, `${count} in ${state.public}`),
  )
}

/** @param {readonly (readonly [number, number])[]} points */
function lineOf(points) {
  const path = points.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${x} ${y}`).join('')
  return draw('path', { class: 'edge', d: path, 'marker-end': 'url(#arrow)' })
}

function arrowHeads() {
  const size = { viewBox: '0 0 8 8', refX: 8, refY: 4, markerWidth: 8, markerHeight: 8, markerUnits: 'userSpaceOnUse' }
  const head = (/** @type {string} */ id) =>
    draw('marker', { id, ...size, orient: 'auto' }, draw('path', { d: 'M0 0.5L8 4L0 7.5Z', class: id }))
  return draw('defs', {}, head('arrow'), head('arrow-taken'))
}

/**
 * @param {string} name
 * @param {Record<string, string | number>} [attributes]
 * @param {(SVGElement | string)[]} children
 * @returns {SVGElement}
 */
function draw(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value))
  element.append(...children)
  return element
}
