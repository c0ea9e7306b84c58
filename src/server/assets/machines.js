// @ts-check
import { kindOf } from './actor-facts.js'
import { showActor } from './actor-panel.js'
import { MachineChart } from './machine-chart.js'
import { countTaken, stateNamed } from './machine-trace.js'
import { byId, say } from './page-elements.js'
import { RunWatch } from './run-watch.js'
import { createAccess } from './server-access.js'
import { StateList } from './state-list.js'

/** @typedef {import('./machine-trace.js').Chart} Chart */
/** @typedef {import('../../domain/record.ts').RunRecord} RunRecord */
/** @typedef {import('../../domain/views.ts').RunSummary} RunSummary */
/** @typedef {import('../../domain/views.ts').RunView} RunView */
/** @typedef {'agent' | 'manager' | 'planner' | 'supervisor'} Kind */
/** @typedef {{ drawing: MachineChart, list: StateList }} Machine */

const ABOUT = {
  agent: 'One for each task: gets a slot, creates one agent run an attempt, watches it, reads its report, recovers.',
  manager: 'One for each run that has a manager: told of what settled, in turns. It never fails or hangs the run.',
  planner: 'The manager of a run that it plans: each of its turns ends with a decision, and the tasks wait for that.',
  supervisor: 'One for each run: starts agents as their needs settle, and ends the run.',
}
/** The picture gets no smaller than can be read, unless that is asked for. */
const SMALLEST = 0.75
const MOST_HISTORY = 5_000

const query = new URLSearchParams(location.search)
const choice = /** @type {HTMLFormElement} */ (byId('choice'))
const runSelect = /** @type {HTMLSelectElement} */ (choice.elements.namedItem('run'))
const actorSelect = /** @type {HTMLSelectElement} */ (choice.elements.namedItem('actor'))
const sizeSelect = /** @type {HTMLSelectElement} */ (byId('size'))
const access = createAccess(/** @type {HTMLFormElement} */ (byId('token')))
const tabs = /** @type {HTMLButtonElement[]} */ ([...document.querySelectorAll('[role=tab]')])

/** @type {Map<Kind, Machine>} */
const machines = new Map()
/** @type {Kind} */
let kind = kindNamed(query.get('machine'))
/** @type {RunView | undefined} */
let view
/** Public state of each actor, as the newest record or view tells it. @type {Map<string, string>} */
const states = new Map()
/** @type {RunRecord[]} */
let history = []
/** @type {RunWatch | undefined} */
let watch
let isDue = false

/** @param {string | null} word @returns {Kind} */
function kindNamed(word) {
  return word === 'manager' || word === 'planner' || word === 'supervisor' ? word : 'agent'
}

/** The machine of an actor: a manager that plans has one of its own. @param {string} actor @returns {Kind} */
function machineOf(actor) {
  const of = kindOf(actor)
  return of === 'manager' && view?.plans ? 'planner' : of
}

/** @param {Kind} wanted @returns {Promise<Machine>} */
async function loadMachine(wanted) {
  const known = machines.get(wanted)
  if (known) return known
  const answer = await fetch(`/machines/${wanted}.chart.json`)
  /** @type {Chart} */
  const chart = await answer.json()
  const machine = { drawing: new MachineChart(chart), list: new StateList(chart) }
  machines.set(wanted, machine)
  return machine
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
  const { drawing, list } = await loadMachine(wanted)
  if (kind !== wanted) return
  const always = drawing.chart.rows.map(({ text }) => text).join(', ')
  byId('about').textContent = `${ABOUT[wanted]}${always ? ` In any state it takes: ${always}.` : ''}`
  byId('chart').replaceChildren(drawing.svg)
  byId('states').replaceChildren(...list.items)
  resize()
  keepAddress()
  show()
  reveal()
}

function resize() {
  const drawing = machines.get(kind)?.drawing
  if (!drawing) return
  const { width, height } = drawing.chart
  const fit = Math.min(1, (byId('chart').clientWidth - 4) / width)
  const chosen = sizeSelect.value
  const scale = chosen === 'auto' ? Math.max(SMALLEST, fit) : chosen === 'fit' ? fit : Number(chosen)
  drawing.svg.setAttribute('width', String(Math.round(width * scale)))
  drawing.svg.setAttribute('height', String(Math.round(height * scale)))
}

/** Brings the chosen actor's state into view: only when it was chosen, never while somebody reads. */
function reveal() {
  const drawing = machines.get(kind)?.drawing
  const place = drawing && stateNamed(drawing.chart, activeState())
  if (!place) return
  const area = byId('chart')
  const scale = Number(drawing.svg.getAttribute('width')) / drawing.chart.width
  area.scrollTo({
    left: (place.x + place.width / 2) * scale - area.clientWidth / 2,
    top: (place.y + place.height / 2) * scale - area.clientHeight / 2,
  })
}

/** Whether an actor is chosen, and of the machine that is shown. */
function isShown() {
  return view !== undefined && actorSelect.value !== '' && machineOf(actorSelect.value) === kind
}

function activeState() {
  if (!isShown()) return undefined
  return kind === 'supervisor' ? view?.status : states.get(actorSelect.value)
}

/** How many actors are in each state of the machine that is shown. */
function counts() {
  /** @type {Map<string, number>} */
  const found = new Map()
  if (view && kind === 'supervisor') found.set(view.status, 1)
  for (const [actor, state] of states) if (machineOf(actor) === kind) found.set(state, (found.get(state) ?? 0) + 1)
  return found
}

function show() {
  const machine = machines.get(kind)
  if (!machine) return
  const [found, active] = [counts(), activeState()]
  const taken = isShown() ? countTaken(machine.drawing.chart, history) : new Map()
  machine.drawing.mark({ active, counts: found, taken })
  machine.list.mark(found, active, actorSelect.value)
  showActor(view, actorSelect.value, states, history)
}

/** Many records come at once: the page is written once a frame, or in a hidden tab a little later. */
function showSoon() {
  if (isDue) return
  isDue = true
  const once = () => {
    if (!isDue) return
    isDue = false
    show()
  }
  requestAnimationFrame(once)
  setTimeout(once, 200)
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
function listActors({ manager, tasks }) {
  const agents = tasks.filter((task) => !task.forEach).map(({ task }) => task)
  const names = ['supervisor', ...(manager ? ['manager'] : []), ...agents]
  const shown = [...actorSelect.options].slice(1).map(({ value }) => value)
  if (names.length === shown.length && names.every((name, index) => name === shown[index])) return
  const before = actorSelect.value
  const wanted = before || query.get('actor') || ''
  const options = names.map((name) => new Option(name, name, false, name === wanted))
  actorSelect.replaceChildren(new Option('all of them', ''), ...options)
  if (actorSelect.value !== before) chooseActor()
}

function chooseActor() {
  const actor = actorSelect.value
  history = []
  keepAddress()
  watch?.choose(actor || undefined)
  if (actor && machineOf(actor) !== kind) return void showMachine(machineOf(actor))
  show()
  reveal()
}

function chooseRun() {
  watch?.stop()
  watch = undefined
  view = undefined
  states.clear()
  history = []
  actorSelect.replaceChildren(new Option('all of them', ''))
  byId('connection').textContent = ''
  keepAddress()
  show()
  if (runSelect.value)
    watch = new RunWatch(access, runSelect.value, { view: takeView, records: takeRecords, history: takeHistory, state })
}

/** @param {string} actor @param {readonly RunRecord[]} records @param {boolean} anew */
function takeHistory(actor, records, anew) {
  if (actor !== actorSelect.value) return
  history = [...(anew ? [] : history), ...records].slice(-MOST_HISTORY)
  showSoon()
}

/** @param {string} words @param {'good' | 'bad' | 'work'} tone */
function state(words, tone) {
  say('connection', words, tone)
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
  const { runs } = /** @type {{ runs: RunSummary[] }} */ (await access.read('/v1/runs?order=newest&limit=200'))
  const wanted = query.get('run') ?? ''
  const isListed = runs.some((row) => row.run === wanted)
  const rows = wanted && !isListed ? [{ run: wanted, name: 'a run', status: 'not listed' }, ...runs] : runs
  for (const { run, name, status } of rows) {
    runSelect.add(new Option(`${name} (${status}) ${run}`, run, false, run === wanted))
  }
  if (runSelect.value) chooseRun()
}

/** @param {HTMLButtonElement} tab @param {string} key */
function neighbour(tab, key) {
  const steps = { ArrowRight: 1, ArrowLeft: -1, Home: -tabs.indexOf(tab), End: tabs.length - 1 - tabs.indexOf(tab) }
  const step = Object.hasOwn(steps, key) ? steps[/** @type {keyof typeof steps} */ (key)] : 0
  return tabs.at((tabs.indexOf(tab) + step) % tabs.length)
}

for (const tab of tabs) {
  tab.addEventListener('click', () => showMachine(kindNamed(tab.dataset['machine'] ?? null)))
  tab.addEventListener('keydown', ({ key }) => {
    const next = neighbour(tab, key)
    if (next === undefined || next === tab) return
    next.focus()
    next.click()
  })
}
runSelect.addEventListener('change', () => {
  query.delete('actor')
  chooseRun()
})
actorSelect.addEventListener('change', () => {
  query.delete('actor')
  chooseActor()
})
sizeSelect.addEventListener('change', resize)
window.addEventListener('resize', resize)
choice.addEventListener('submit', (event) => event.preventDefault())
// Times that are told as "4 min" grow older by themselves.
setInterval(() => view && showActor(view, actorSelect.value, states, history), 10_000)

void showMachine(kind)
listRuns().catch((error) => say('connection', error.message, 'bad'))
