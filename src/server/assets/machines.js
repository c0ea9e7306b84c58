// @ts-check
import { describeActor, kindOf } from './actor-facts.js'
import { drawChart } from './machine-chart.js'
import { countTaken, MARKS, toneOf, wordsOf } from './machine-trace.js'
import { watchRun } from './run-watch.js'
import { createAccess } from './server-access.js'

/** @typedef {import('./machine-trace.js').Chart} Chart */
/** @typedef {import('../../domain/record.ts').RunRecord} RunRecord */
/** @typedef {import('../../domain/views.ts').RunView} RunView */
/** @typedef {'agent' | 'manager' | 'supervisor'} Kind */

const ABOUT = {
  agent: 'One for each task: gets a slot, creates one agent run an attempt, watches it, reads its report, recovers.',
  manager: 'One for each run that has a manager: told of what settled, in turns. It never fails or hangs the run.',
  supervisor: 'One for each run: starts agents as their needs settle, and ends the run.',
}
const SMALLEST = 0.75
const SHOWN_TRANSITIONS = 20
const MOST_HISTORY = 5_000

const query = new URLSearchParams(location.search)
const choice = /** @type {HTMLFormElement} */ (byId('choice'))
const runSelect = /** @type {HTMLSelectElement} */ (choice.elements.namedItem('run'))
const actorSelect = /** @type {HTMLSelectElement} */ (choice.elements.namedItem('actor'))
const sizeSelect = /** @type {HTMLSelectElement} */ (byId('size'))
const access = createAccess(/** @type {HTMLFormElement} */ (byId('token')))
const tabs = /** @type {HTMLButtonElement[]} */ ([...document.querySelectorAll('[role=tab]')])

/** @type {Map<Kind, { chart: Chart, drawing: import('./machine-chart.js').Drawing, items: Map<string, HTMLElement> }>} */
const machines = new Map()
/** @type {Kind} */
let kind = isKind(query.get('machine')) ? /** @type {Kind} */ (query.get('machine')) : 'agent'
/** @type {RunView | undefined} */
let view
/** Public state of each actor, as the newest record or view tells it. @type {Map<string, string>} */
const states = new Map()
/** @type {RunRecord[]} */
let history = []
/** @type {import('./run-watch.js').RunWatch | undefined} */
let watch
let drawn = false

/** @param {string} id */
function byId(id) {
  const element = document.getElementById(id)
  if (!element) throw new Error(`The page has no #${id}.`)
  return element
}

/** @param {string | null} word */
function isKind(word) {
  return word === 'agent' || word === 'manager' || word === 'supervisor'
}

/**
 * @param {string} name
 * @param {string} [text]
 * @param {string} [className]
 */
function element(name, text, className) {
  const made = document.createElement(name)
  if (text !== undefined) made.textContent = text
  if (className) made.className = className
  return made
}

/** @param {Kind} wanted */
async function loadMachine(wanted) {
  const known = machines.get(wanted)
  if (known) return known
  const answer = await fetch(`/machines/${wanted}.chart.json`)
  /** @type {Chart} */
  const chart = await answer.json()
  const items = new Map()
  for (const state of chart.states) if (state.kind !== 'compound') items.set(state.public, stateItem(chart, state))
  const machine = { chart, drawing: drawChart(chart), items }
  machines.set(wanted, machine)
  return machine
}

/** @param {Chart} chart @param {import('./machine-trace.js').ChartState} state */
function stateItem(chart, state) {
  const item = element('li')
  const details = element('details')
  const summary = element('summary')
  const mark = element('span', MARKS[toneOf(state.public)], `mark tone-${toneOf(state.public)}`)
  mark.setAttribute('aria-hidden', 'true')
  summary.append(mark, element('span', state.public, 'state-name'), element('span', '', 'state-count'))
  const words = element('ul', undefined, 'soft')
  for (const line of wordsOf(chart, state)) words.append(element('li', line))
  details.append(summary, words)
  item.append(details)
  return item
}

/** @param {Kind} wanted */
async function showMachine(wanted) {
  kind = wanted
  for (const tab of tabs) {
    const isChosen = tab.dataset['machine'] === wanted
    tab.setAttribute('aria-selected', String(isChosen))
    tab.tabIndex = isChosen ? 0 : -1
    if (isChosen) byId('panel').setAttribute('aria-labelledby', tab.id)
  }
  const { chart, drawing, items } = await loadMachine(wanted)
  if (kind !== wanted) return
  const always = chart.rows.map(({ text }) => text).join(', ')
  byId('about').textContent = `${ABOUT[wanted]}${always ? ` In any state it takes: ${always}.` : ''}`
  byId('chart').replaceChildren(drawing.svg)
  byId('states').replaceChildren(...items.values())
  resize()
  keepAddress()
  show()
  reveal()
}

/** The picture's size follows the window, but no smaller than can be read. */
function resize() {
  const machine = machines.get(kind)
  if (!machine) return
  const room = byId('chart').clientWidth - 4
  const fit = Math.min(1, room / machine.chart.width)
  const chosen = sizeSelect.value
  const scale = chosen === 'auto' ? Math.max(SMALLEST, fit) : chosen === 'fit' ? fit : Number(chosen)
  machine.drawing.svg.setAttribute('width', String(Math.round(machine.chart.width * scale)))
  machine.drawing.svg.setAttribute('height', String(Math.round(machine.chart.height * scale)))
}

/** Brings the chosen actor's state into view: only when it was chosen, never while somebody reads. */
function reveal() {
  const machine = machines.get(kind)
  const place = machine?.drawing.placeOf(activeState())
  if (!machine || !place) return
  const area = byId('chart')
  const scale = Number(machine.drawing.svg.getAttribute('width')) / machine.chart.width
  area.scrollTo({
    left: (place.x + place.width / 2) * scale - area.clientWidth / 2,
    top: (place.y + place.height / 2) * scale - area.clientHeight / 2,
  })
}

/** The state that is marked: the chosen actor's, if this is its machine. */
function activeState() {
  const actor = actorSelect.value
  if (!view || actor === '' || kindOf(actor) !== kind) return undefined
  return actor === 'supervisor' ? view.status : states.get(actor)
}

/** How many actors are in each state of the machine that is shown. */
function counts() {
  /** @type {Map<string, number>} */
  const found = new Map()
  if (!view) return found
  if (kind === 'supervisor') return found.set(view.status, 1)
  for (const [actor, state] of states) if (kindOf(actor) === kind) found.set(state, (found.get(state) ?? 0) + 1)
  return found
}

function show() {
  const machine = machines.get(kind)
  if (!machine) return
  const found = counts()
  const active = activeState()
  const taken = kindOf(actorSelect.value) === kind && actorSelect.value ? countTaken(machine.chart, history) : new Map()
  machine.drawing.mark({ active, counts: found, taken })
  for (const [name, item] of machine.items) {
    const count = found.get(name) ?? 0
    const words = [count > 0 ? String(count) : '', name === active ? `${actorSelect.value} is here` : ''].filter(
      Boolean,
    )
    const place = item.querySelector('.state-count')
    if (place) place.textContent = words.join(', ')
    item.classList.toggle('active', name === active)
    item.classList.toggle('busy', count > 0)
  }
  showActor()
}

/** Many records come at once: the page is written once a frame, or in a hidden tab a little later. */
function showSoon() {
  if (drawn) return
  drawn = true
  const once = () => {
    if (!drawn) return
    drawn = false
    show()
  }
  requestAnimationFrame(once)
  setTimeout(once, 200)
}

function showActor() {
  const actor = actorSelect.value
  const told = describeActor(view, actor, states)
  byId('actor-name').textContent = told.title
  byId('actor-hint').textContent = told.hint
  byId('facts').replaceChildren(
    ...told.facts.map(([name, value]) => {
      const row = element('div')
      row.append(element('dt', name), element('dd', value))
      return row
    }),
  )
  byId('commands-title').hidden = told.commands.length === 0
  byId('commands').replaceChildren(
    ...told.commands.map((words) => {
      const item = element('li')
      item.append(element('code', words))
      return item
    }),
  )
  const last = actor ? history.slice(-SHOWN_TRANSITIONS).reverse() : []
  byId('history-title').hidden = last.length === 0
  byId('history').replaceChildren(...last.map(transitionItem))
}

/** @param {RunRecord} record */
function transitionItem(record) {
  const item = element('li')
  const time = element('time', new Date(record.at).toLocaleTimeString())
  time.setAttribute('datetime', record.at)
  const attempt = record.attempt !== undefined && record.attempt > 1 ? ` (attempt ${record.attempt})` : ''
  item.append(
    time,
    element('span', `${record.from === undefined ? '' : `${record.from} → `}${record.to ?? ''}${attempt}`),
    element('small', record.event ?? '', 'soft'),
  )
  return item
}

/** @param {RunView} told */
function takeView(told) {
  const isFirst = view === undefined
  view = told
  states.clear()
  for (const { task, state, forEach } of told.tasks) if (!forEach && state !== 'waiting') states.set(task, state)
  if (told.manager) states.set('manager', told.manager.state)
  listActors(told)
  show()
  if (isFirst) reveal()
}

/** @param {readonly RunRecord[]} records */
function takeRecords(records) {
  for (const { type, actor, to } of records) {
    if (type !== 'transition' || to === undefined || !view) continue
    if (actor.kind === 'supervisor') view = { ...view, status: to }
    else states.set(actor.id, to)
  }
  showSoon()
}

/** @param {RunView} told */
function listActors(told) {
  const names = [
    'supervisor',
    ...(told.manager ? ['manager'] : []),
    ...told.tasks.filter((task) => !task.forEach).map(({ task }) => task),
  ]
  const shown = [...actorSelect.options].slice(1).map(({ value }) => value)
  if (names.length === shown.length && names.every((name, index) => name === shown[index])) return
  const chosen = actorSelect.value || query.get('actor') || ''
  actorSelect.replaceChildren(
    new Option('all of them', ''),
    ...names.map((name) => new Option(name, name, false, name === chosen)),
  )
  if (chosen && actorSelect.value === chosen) chooseActor()
}

function chooseActor() {
  const actor = actorSelect.value
  history = []
  keepAddress()
  watch?.choose(actor || undefined)
  if (actor && kindOf(actor) !== kind) void showMachine(kindOf(actor))
  else {
    show()
    reveal()
  }
}

function chooseRun() {
  watch?.stop()
  watch = undefined
  view = undefined
  states.clear()
  history = []
  actorSelect.replaceChildren(new Option('all of them', ''))
  byId('connection').textContent = ''
  const run = runSelect.value
  keepAddress()
  show()
  if (!run) return
  watch = watchRun(access, run, {
    view: takeView,
    records: takeRecords,
    history(actor, records, anew) {
      if (actor !== actorSelect.value) return
      history = [...(anew ? [] : history), ...records].slice(-MOST_HISTORY)
      showSoon()
    },
    state(words, tone) {
      byId('connection').textContent = words
      byId('connection').dataset['tone'] = tone
    },
  })
}

/** What is looked at stands in the address, so that it can be passed on. */
function keepAddress() {
  const search = new URLSearchParams({ machine: kind })
  const run = runSelect.value || (runSelect.options.length > 1 ? '' : (query.get('run') ?? ''))
  const actor = actorSelect.value || (view ? '' : (query.get('actor') ?? ''))
  if (run) search.set('run', run)
  if (run && actor) search.set('actor', actor)
  window.history.replaceState(null, '', `?${search}`)
}

async function listRuns() {
  const { runs } = await access.read('/v1/runs?order=newest&limit=200')
  const wanted = query.get('run') ?? ''
  const known = runs.some((/** @type {{ run: string }} */ row) => row.run === wanted)
  const rows = wanted && !known ? [{ run: wanted, name: 'a run', status: 'not listed' }, ...runs] : runs
  for (const { run, name, status } of rows) {
    runSelect.add(new Option(`${name} (${status}) ${run}`, run, false, run === wanted))
  }
  if (runSelect.value) chooseRun()
}

for (const [index, tab] of tabs.entries()) {
  const machine = /** @type {Kind} */ (tab.dataset['machine'])
  tab.addEventListener('click', () => showMachine(machine))
  tab.addEventListener('keydown', ({ key }) => {
    const step = key === 'ArrowRight' ? 1 : key === 'ArrowLeft' ? -1 : 0
    const next = key === 'Home' ? tabs[0] : key === 'End' ? tabs.at(-1) : tabs.at((index + step) % tabs.length)
    if (next && next !== tab) {
      next.focus()
      next.click()
    }
  })
}
runSelect.addEventListener('change', chooseRun)
actorSelect.addEventListener('change', chooseActor)
sizeSelect.addEventListener('change', resize)
window.addEventListener('resize', resize)
choice.addEventListener('submit', (event) => event.preventDefault())
// Times that are told as "4 min" grow older by themselves.
setInterval(() => view && showActor(), 10_000)

void showMachine(kind)
listRuns().catch((error) => {
  byId('connection').textContent = error.message
  byId('connection').dataset['tone'] = 'bad'
})
