// @ts-check
import { MARKS, toneOf, wordsOf } from './machine-trace.js'
import { element } from './page-elements.js'

/** @typedef {import('./machine-trace.js').Chart} Chart */
/** @typedef {import('./machine-trace.js').ChartState} ChartState */

/** A machine as a list: the same as the picture, for those who cannot see it or have no room for it. */
export class StateList {
  /** @type {Map<string, HTMLElement>} */
  #items = new Map()

  /** @param {Chart} chart */
  constructor(chart) {
    for (const state of chart.states) {
      if (state.kind !== 'compound') this.#items.set(state.public, stateItem(chart, state))
    }
  }

  get items() {
    return [...this.#items.values()]
  }

  /**
   * @param {ReadonlyMap<string, number>} counts how many actors are in each state
   * @param {string | undefined} active the chosen actor's state
   * @param {string} actor
   */
  mark(counts, active, actor) {
    for (const [name, item] of this.#items) {
      const count = counts.get(name) ?? 0
      const words = [count > 0 ? String(count) : '', name === active ? `${actor} is here` : '']
        .filter(Boolean)
        .join(', ')
      const place = item.querySelector('.state-count')
      if (place && place.textContent !== words) place.textContent = words
      item.classList.toggle('active', name === active)
      item.classList.toggle('busy', count > 0)
    }
  }
}

/** @param {Chart} chart @param {ChartState} state */
function stateItem(chart, state) {
  const tone = toneOf(state.public)
  const mark = element('span', MARKS[tone], `mark tone-${tone}`)
  mark.setAttribute('aria-hidden', 'true')
  const summary = element('summary')
  summary.append(mark, element('span', state.public, 'state-name'), element('span', '', 'state-count'))
  const words = element('ul', undefined, 'soft')
  for (const line of wordsOf(chart, state)) words.append(element('li', line))
  const details = element('details')
  details.append(summary, words)
  const item = element('li')
  item.append(details)
  return item
}
