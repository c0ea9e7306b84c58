// @ts-check
import { describeActor } from './actor-facts.js'
import { byId, element } from './page-elements.js'

/** @typedef {import('../../domain/record.ts').RunRecord} RunRecord */
/** @typedef {import('../../domain/views.ts').RunView} RunView */

const SHOWN_TRANSITIONS = 20

/**
 * Writes what is known of the chosen actor: how it stands and why, what it takes, what it went through.
 * @param {RunView | undefined} view
 * @param {string} actor empty for none
 * @param {ReadonlyMap<string, string>} states
 * @param {readonly RunRecord[]} history
 */
export function showActor(view, actor, states, history) {
  const told = describeActor(view, actor, states)
  byId('actor-name').textContent = told.title
  byId('actor-hint').textContent = told.hint
  byId('facts').replaceChildren(...told.facts.map(factRow))
  byId('commands-title').hidden = told.commands.length === 0
  byId('commands').replaceChildren(...told.commands.map(commandItem))
  const last = actor ? history.slice(-SHOWN_TRANSITIONS).reverse() : []
  byId('history-title').hidden = last.length === 0
  byId('history').replaceChildren(...last.map(transitionItem))
}

/** @param {readonly [name: string, value: string]} fact */
function factRow([name, value]) {
  const row = element('div')
  row.append(element('dt', name), element('dd', value))
  return row
}

/** @param {string} words */
function commandItem(words) {
  const item = element('li')
  item.append(element('code', words))
  return item
}

/** @param {RunRecord} record */
function transitionItem({ at, attempt, event, from, to }) {
  const time = element('time', new Date(at).toLocaleTimeString())
  time.setAttribute('datetime', at)
  const again = attempt !== undefined && attempt > 1 ? ` (attempt ${attempt})` : ''
  const states = `${from === undefined ? '' : `${from} → `}${to ?? ''}${again}`
  const item = element('li')
  item.append(time, element('span', states), element('small', event ?? '', 'soft'))
  return item
}
