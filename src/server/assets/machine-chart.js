// @ts-check
import { keyOf, MARKS, stateNamed, toneOf, withAncestors } from './machine-trace.js'

/** @typedef {import('./machine-trace.js').Chart} Chart */
/** @typedef {import('./machine-trace.js').ChartState} ChartState */

const SVG = 'http://www.w3.org/2000/svg'
const LEFT = 12
const FIRST_LINE = 17
const LINE = 16
const BADGE = { width: 30, height: 18 }

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

/**
 * Draws a machine once; `mark` shows what is where, and touches only what differs.
 * @param {Chart} chart
 */
export function drawChart(chart) {
  const svg = draw('svg', {
    viewBox: `0 0 ${chart.width} ${chart.height}`,
    role: 'img',
    'aria-label': `State machine ${chart.machine}. The same follows as a list.`,
  })
  /** @type {Map<string, SVGElement>} */
  const groups = new Map()
  /** @type {Map<string, SVGElement>} */
  const badges = new Map()
  /** @type {Map<string, { element: SVGElement, text: string }>} */
  const counted = new Map()
  /** @type {SVGElement[]} */
  const lines = []

  const state = (/** @type {ChartState} */ shape) => {
    const badge = draw('g', { class: 'badge' })
    badges.set(shape.id, badge)
    const rows = shape.rows.map(({ text }, row) => {
      const element = draw('text', { x: LEFT, y: FIRST_LINE + 17 + row * LINE, class: 'row' }, text)
      counted.set(keyOf({ state: shape.id, row }), { element, text })
      return element
    })
    const { width, height } = shape
    const inner =
      shape.kind === 'final'
        ? [draw('rect', { class: 'inner', x: 3, y: 3, width: width - 6, height: height - 6, rx: 5 })]
        : []
    const group = draw(
      'g',
      { class: `state ${shape.kind}`, transform: `translate(${shape.x} ${shape.y})` },
      draw('rect', { width, height, rx: 8 }),
      ...inner,
      draw('text', { x: LEFT, y: FIRST_LINE, class: 'name' }, shape.name),
      ...rows,
      badge,
    )
    groups.set(shape.id, group)
    return group
  }

  const compounds = chart.states.filter(({ kind }) => kind === 'compound').map(state)
  const edges = chart.edges.map(({ points }) => {
    const line = draw('path', { class: 'edge', d: pathOf(points), 'marker-end': 'url(#arrow)' })
    lines.push(line)
    return line
  })
  const starts = chart.starts.flatMap(({ dot, points }) => [
    draw('circle', { class: 'start', cx: dot[0], cy: dot[1], r: 6 }),
    draw('path', { class: 'edge', d: pathOf(points), 'marker-end': 'url(#arrow)' }),
  ])
  const states = chart.states.filter(({ kind }) => kind !== 'compound').map(state)
  const labels = chart.edges.map(({ label }, edge) => {
    const rows = label.lines.map((text, index) => {
      const element = draw('tspan', { x: label.x + 4, y: label.y + 12 + index * LINE }, text)
      if (index === 0) counted.set(keyOf({ edge }), { element, text })
      return element
    })
    return draw('text', { class: 'label' }, ...rows)
  })
  svg.append(arrows(), ...compounds, ...edges, ...starts, ...states, ...labels)

  /** @type {Map<Element, string>} */
  const shown = new Map()
  const classes = (/** @type {Element} */ element, /** @type {string} */ names) => {
    if (shown.get(element) === names) return
    for (const name of (shown.get(element) ?? '').split(' ')) if (name) element.classList.remove(name)
    for (const name of names.split(' ')) if (name) element.classList.add(name)
    shown.set(element, names)
  }

  return {
    svg,
    /**
     * @param {{ active: string | undefined, counts: ReadonlyMap<string, number>, taken: ReadonlyMap<string, number> }} facts
     *   the public name of the chosen actor's state; how many actors are in each; what was taken how often
     */
    mark({ active, counts, taken }) {
      const [leaf, ...around] = withAncestors(chart, stateNamed(chart, active))
      for (const shape of chart.states) {
        const group = groups.get(shape.id)
        const count = shape.kind === 'compound' ? 0 : (counts.get(shape.public) ?? 0)
        const own = shape === leaf ? 'active' : around.includes(shape) ? 'around' : ''
        if (group)
          classes(
            group,
            [own, count > 0 ? 'busy' : '', `tone-${toneOf(active && own ? active : shape.public)}`].join(' '),
          )
        setBadge(badges.get(shape.id), shape, count)
      }
      for (const [key, { element, text }] of counted) {
        const times = taken.get(key) ?? 0
        const words = times > 0 ? `${text} ×${times}` : text
        if (element.textContent !== words) element.textContent = words
        classes(element, times > 0 ? 'taken' : '')
      }
      for (const [edge, line] of lines.entries()) {
        const isTaken = (taken.get(keyOf({ edge })) ?? 0) > 0
        classes(line, isTaken ? 'taken' : '')
        line.setAttribute('marker-end', isTaken ? 'url(#arrow-taken)' : 'url(#arrow)')
      }
    },
    /**
     * Where the state of this public name is drawn, in the picture's own pixels.
     * @param {string | undefined} name
     */
    placeOf: (name) => stateNamed(chart, name),
  }
}

/** @typedef {ReturnType<typeof drawChart>} Drawing */

/** @param {SVGElement | undefined} badge @param {ChartState} shape @param {number} count */
function setBadge(badge, shape, count) {
  if (!badge || badge.dataset['count'] === String(count)) return
  badge.dataset['count'] = String(count)
  badge.replaceChildren()
  if (count === 0) return
  const x = shape.width - BADGE.width - 5
  badge.append(
    draw('rect', { x, y: 5, width: BADGE.width, height: BADGE.height, rx: 9 }),
    draw('text', { x: x + BADGE.width / 2, y: 18, 'text-anchor': 'middle' }, count > 9999 ? '9999+' : String(count)),
    draw('title', {}, `${count} in ${shape.public}, ${MARKS[toneOf(shape.public)]}`),
  )
}

/** @param {readonly (readonly [number, number])[]} points */
function pathOf(points) {
  return points.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${x} ${y}`).join('')
}

function arrows() {
  const arrow = (/** @type {string} */ id) =>
    draw(
      'marker',
      {
        id,
        viewBox: '0 0 8 8',
        refX: 8,
        refY: 4,
        markerWidth: 8,
        markerHeight: 8,
        markerUnits: 'userSpaceOnUse',
        orient: 'auto-start-reverse',
      },
      draw('path', { d: 'M0 0.5L8 4L0 7.5Z', class: id }),
    )
  return draw('defs', {}, arrow('arrow'), arrow('arrow-taken'))
}
