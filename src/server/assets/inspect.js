// @ts-check
import { byId, say } from './page-elements.js'
import { createAccess } from './server-access.js'

/** @typedef {import('../../domain/views.ts').RunSummary} RunSummary */
/** @typedef {import('../../domain/views.ts').RunView} RunView */

const INSPECTOR = 'https://stately.ai/inspect'
const SITE = new URL(INSPECTOR).origin
const PATH = '/v1/inspect'
const PROTOCOL = 'troupe.inspect.v1'
/** The frame has said nothing for so long: then it will not. */
const PATIENCE_MS = 10_000
const RETRY_MS = { first: 1_000, most: 15_000 }
/** Closed with one of these, the server would only do so again. */
const FINAL_CODES = new Set([1008, 1013, 4004])

const query = new URLSearchParams(location.search)
const frame = /** @type {HTMLIFrameElement} */ (byId('inspector'))
const choice = /** @type {HTMLFormElement} */ (byId('choice'))
const access = createAccess(/** @type {HTMLFormElement} */ (byId('token')))

let passed = 0
let retryMs = RETRY_MS.first
let turns = 0
/** @type {WebSocket | undefined} */
let socket

async function connect() {
  // A frame that was loaded anew knows nothing: it is told everything again.
  const turn = ++turns
  socket?.close()
  socket = undefined
  const search = new URLSearchParams()
  for (const key of ['run', 'actor']) if (query.get(key)) search.set(key, query.get(key) ?? '')
  say('server-state', 'connecting', 'work')
  try {
    const own = await access.socket(`${PATH}?${search}`, PROTOCOL)
    if (turn !== turns) return own.close()
    socket = own
    own.onopen = () => {
      retryMs = RETRY_MS.first
      say('server-state', 'connected', 'good')
    }
    own.onmessage = ({ data }) => {
      frame.contentWindow?.postMessage(JSON.parse(data), SITE)
      byId('passed-on').textContent = `${++passed} messages`
    }
    own.onclose = ({ code, reason }) => {
      if (socket === own) lost(code, reason)
    }
  } catch (error) {
    if (turn === turns) lost(0, error instanceof Error ? error.message : String(error))
  }
}

/** @param {number} code @param {string} reason */
function lost(code, reason) {
  if (FINAL_CODES.has(code)) return say('server-state', `closed: ${reason}`, 'bad')
  say('server-state', `lost${reason ? ` (${reason})` : ''}, trying again in ${Math.round(retryMs / 1000)} s`, 'bad')
  setTimeout(connect, retryMs)
  retryMs = Math.min(RETRY_MS.most, retryMs * 2)
}

async function listRuns() {
  const select = /** @type {HTMLSelectElement} */ (choice.elements.namedItem('run'))
  const actor = /** @type {HTMLInputElement} */ (choice.elements.namedItem('actor'))
  actor.value = query.get('actor') ?? ''
  const chosen = query.get('run') ?? ''
  const { runs } = /** @type {{ runs: RunSummary[] }} */ (await access.read('/v1/runs?order=newest&limit=200'))
  const known = runs.some((row) => row.run === chosen)
  const rows = chosen && !known ? [{ run: chosen, name: 'a run', status: 'not listed' }, ...runs] : runs
  for (const { run, name, status } of rows)
    select.add(new Option(`${name} (${status}) ${run}`, run, false, run === chosen))
  if (!chosen) return
  const { tasks } = /** @type {RunView} */ (await access.read(`/v1/runs/${encodeURIComponent(chosen)}`))
  for (const { task } of tasks.slice(0, 1000)) {
    const option = document.createElement('option')
    option.value = task
    byId('actors').append(option)
  }
}

choice.addEventListener('submit', () => {
  // An empty field asks for everything: the address is plainer without it.
  for (const field of /** @type {NodeListOf<HTMLInputElement>} */ (choice.querySelectorAll('select, input'))) {
    field.disabled = field.value === ''
  }
})

const patience = setTimeout(() => {
  say('inspector-state', 'no answer from stately.ai; without the network use Machines', 'bad')
  byId('network').setAttribute('open', '')
}, PATIENCE_MS)

window.addEventListener('message', (event) => {
  if (event.origin !== SITE || event.source !== frame.contentWindow) return
  if (event.data?.type !== '@statelyai.connected') return
  clearTimeout(patience)
  say('inspector-state', 'connected', 'good')
  void connect()
})

listRuns().catch((error) => say('server-state', error.message, 'bad'))
frame.src = INSPECTOR
