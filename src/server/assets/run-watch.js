// @ts-check
/** @typedef {import('./server-access.js').Access} Access */
/** @typedef {import('../../domain/record.ts').RunRecord} RunRecord */
/** @typedef {import('../../domain/views.ts').RunView} RunView */

/**
 * @typedef {object} WatchSink
 * @property {(view: RunView) => void} view how the run stands, as the server tells it
 * @property {(records: readonly RunRecord[]) => void} records what happened
 * @property {(actor: string, records: readonly RunRecord[], anew: boolean) => void} history transitions of the chosen actor; `anew`: forget those before
 * @property {(words: string, tone: 'good' | 'bad' | 'work') => void} state how the connection is
 */

const PROTOCOL = 'troupe.v1'
const PATH = '/v1/stream'
const RETRY_MS = { first: 1_000, most: 15_000 }
/** A view is not asked for more often, and a large one less often: this many times what it takes to get it. */
const VIEW_MS = { least: 1_000, times: 10 }
/** The supervisor's few transitions lie among everybody's: so many records are looked through. */
const LOOKED_THROUGH = 5_000
/** The subscription to everything that happens in the run; the chosen actor has one of its own. */
const WHOLE = 'run'

/** Follows one run: its view, its records as they come, and the history of one actor. */
export class RunWatch {
  #access
  #run
  #place
  #sink
  #stopped = false
  #retryMs = RETRY_MS.first
  #refreshing = false
  #stale = false
  #seq = 0
  /** @type {string | undefined} */
  #actor
  #choice = 0
  /** @type {WebSocket | undefined} */
  #socket

  /** @param {Access} access @param {string} run @param {WatchSink} sink */
  constructor(access, run, sink) {
    this.#access = access
    this.#run = run
    this.#place = `/v1/runs/${encodeURIComponent(run)}`
    this.#sink = sink
    void this.#refresh()
    void this.#connect()
  }

  /** @param {string | undefined} actor whose history is told; undefined for nobody's */
  choose(actor) {
    this.#actor = actor
    this.#readHistory().catch(this.#failed)
  }

  stop() {
    this.#stopped = true
    this.#socket?.close()
  }

  async #connect() {
    this.#sink.state('connecting', 'work')
    try {
      const socket = await this.#access.socket(PATH, PROTOCOL)
      if (this.#stopped) return socket.close()
      this.#socket = socket
      socket.onopen = () => {
        this.#retryMs = RETRY_MS.first
        this.#tell({ type: 'subscribe', id: WHOLE, runs: [this.#run], after: 'now' })
        this.#readHistory().catch(this.#failed)
      }
      socket.onmessage = ({ data }) => this.#hear(JSON.parse(data))
      socket.onclose = () => this.#retry()
    } catch {
      this.#retry()
    }
  }

  #retry() {
    if (this.#stopped) return
    const seconds = Math.round(this.#retryMs / 1000)
    this.#sink.state(`connection lost, trying again in ${seconds} s; what is shown is old`, 'bad')
    void later(this.#retryMs).then(() => (this.#stopped ? undefined : this.#connect()))
    this.#retryMs = Math.min(RETRY_MS.most, this.#retryMs * 2)
  }

  /** @param {any} message */
  #hear(message) {
    const own = `actor ${this.#choice}`
    if (message.type === 'records' && message.subscription === WHOLE) this.#hearRecords(message.records)
    else if (message.type === 'records' && message.subscription === own && this.#actor !== undefined) {
      this.#sink.history(this.#actor, message.records, false)
    } else if (message.type === 'resync' && message.subscription === WHOLE) void this.#refresh()
    else if (message.type === 'resync' && message.subscription === own) this.#readHistory().catch(this.#failed)
    else if (message.type === 'caught-up' && message.subscription === WHOLE) {
      this.#sink.state('live', 'good')
      // From here on nothing is missed, so this view and what follows belong together.
      void this.#refresh()
    } else if (message.type === 'reply' && !message.ok && message.id === WHOLE) {
      this.#sink.state(message.error.message, 'bad')
    }
  }

  /** @param {readonly RunRecord[]} records */
  #hearRecords(records) {
    this.#seq = records.at(-1)?.seq ?? this.#seq
    this.#sink.records(records)
    if (this.#actor === 'supervisor') this.#sink.history(this.#actor, records.filter(isOfSupervisor), false)
    void this.#refresh()
  }

  async #readHistory() {
    const asked = ++this.#choice
    const actor = this.#actor
    if (asked > 1) this.#tell({ type: 'unsubscribe', id: `actor ${asked - 1}` })
    if (actor === undefined) return
    this.#sink.history(actor, [], true)
    if (actor !== 'supervisor') {
      const filter = { tasks: [actor], types: ['transition'] }
      return this.#tell({ type: 'subscribe', id: `actor ${asked}`, runs: [this.#run], filter, after: 'start' })
    }
    const after = Math.max(0, this.#seq - LOOKED_THROUGH)
    const page = await this.#access.read(`${this.#place}/records?after=${after}&limit=${LOOKED_THROUGH}`)
    const { records } = /** @type {{ records: RunRecord[] }} */ (page)
    if (asked === this.#choice) this.#sink.history(actor, records.filter(isOfSupervisor), true)
  }

  async #refresh() {
    this.#stale = true
    if (this.#refreshing) return
    this.#refreshing = true
    while (this.#stale && !this.#stopped) {
      this.#stale = false
      const began = performance.now()
      await this.#readView().catch(this.#failed)
      await later(Math.max(VIEW_MS.least, VIEW_MS.times * (performance.now() - began)))
    }
    this.#refreshing = false
  }

  async #readView() {
    const view = /** @type {RunView} */ (await this.#access.read(this.#place))
    if (this.#stopped) return
    this.#seq = view.seq
    this.#sink.view(view)
  }

  /** @param {object} message */
  #tell(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message))
  }

  #failed = (/** @type {unknown} */ error) => {
    if (!this.#stopped) this.#sink.state(error instanceof Error ? error.message : String(error), 'bad')
  }
}

/** @param {RunRecord} record */
function isOfSupervisor({ type, actor }) {
  return type === 'transition' && actor.kind === 'supervisor'
}

/** @param {number} ms */
function later(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
