// @ts-check
/** @typedef {import('./server-access.js').Access} Access */
/** @typedef {import('../../domain/record.ts').RunRecord} RunRecord */
/** @typedef {import('../../domain/views.ts').RunView} RunView */

/**
 * @typedef {object} WatchSink
 * @property {(view: RunView) => void} view how the run stands, as the server tells it
 * @property {(records: readonly RunRecord[]) => void} records what happened since the last view
 * @property {(actor: string, records: readonly RunRecord[], anew: boolean) => void} history transitions of the chosen actor; `anew`: forget those before
 * @property {(words: string, tone: 'good' | 'bad' | 'work') => void} state how the connection is
 */

const PROTOCOL = 'troupe.v1'
const PATH = '/v1/stream'
const RETRY_MS = { first: 1_000, most: 15_000 }
/** A view is not asked for more often, and not more often than it takes to make one. */
const VIEW_MS = { least: 1_000, share: 10 }
/** The supervisor's few transitions lie among everybody's: so many records are looked through. */
const LOOKED_THROUGH = 5_000

/**
 * Follows one run: its view, its records as they come, and the history of one actor.
 * @param {Access} access
 * @param {string} run
 * @param {WatchSink} sink
 */
export function watchRun(access, run, sink) {
  const place = `/v1/runs/${encodeURIComponent(run)}`
  let stopped = false
  let retryMs = RETRY_MS.first
  let refreshing = false
  let isStale = false
  let seq = 0
  /** @type {string | undefined} */
  let actor
  let choice = 0
  /** @type {WebSocket | undefined} */
  let socket

  const tell = (/** @type {object} */ message) => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message))
  }

  const failed = (/** @type {unknown} */ error) => {
    if (!stopped) sink.state(error instanceof Error ? error.message : String(error), 'bad')
  }

  const refresh = async () => {
    isStale = true
    if (refreshing) return
    refreshing = true
    while (isStale && !stopped) {
      isStale = false
      const began = performance.now()
      try {
        const view = await access.read(place)
        if (stopped) break
        seq = view.seq
        sink.view(view)
      } catch (error) {
        failed(error)
      }
      await later(Math.max(VIEW_MS.least, VIEW_MS.share * (performance.now() - began)))
    }
    refreshing = false
  }

  const readHistory = async () => {
    const asked = ++choice
    if (actor === undefined) return
    if (actor !== 'supervisor') {
      tell({ type: 'unsubscribe', id: `actor ${asked - 1}` })
      sink.history(actor, [], true)
      tell({
        type: 'subscribe',
        id: `actor ${asked}`,
        runs: [run],
        filter: { tasks: [actor], types: ['transition'] },
        after: 'start',
      })
      return
    }
    const { records } = await access.read(
      `${place}/records?after=${Math.max(0, seq - LOOKED_THROUGH)}&limit=${LOOKED_THROUGH}`,
    )
    if (asked !== choice) return
    sink.history(actor, records.filter(isOf('supervisor')), true)
  }

  const hear = (/** @type {string} */ text) => {
    const message = JSON.parse(text)
    if (message.type === 'records' && message.subscription === 'run') {
      seq = message.records.at(-1)?.seq ?? seq
      sink.records(message.records)
      if (actor === 'supervisor') sink.history(actor, message.records.filter(isOf('supervisor')), false)
      void refresh()
    } else if (message.type === 'records' && message.subscription === `actor ${choice}` && actor !== undefined) {
      sink.history(actor, message.records, false)
    } else if (message.type === 'resync' && message.subscription === 'run') {
      void refresh()
    } else if (message.type === 'resync' && message.subscription === `actor ${choice}`) {
      readHistory().catch(failed)
    } else if (message.type === 'caught-up' && message.subscription === 'run') {
      sink.state('live', 'good')
      // From here on nothing is missed, so this view and what follows belong together.
      void refresh()
    } else if (message.type === 'reply' && !message.ok && message.id === 'run') {
      sink.state(message.error.message, 'bad')
    }
  }

  const connect = async () => {
    sink.state('connecting', 'work')
    try {
      const own = await access.socket(PATH, PROTOCOL)
      if (stopped) return own.close()
      socket = own
      own.onopen = () => {
        retryMs = RETRY_MS.first
        tell({ type: 'subscribe', id: 'run', runs: [run], after: 'now' })
        readHistory().catch(failed)
      }
      own.onmessage = ({ data }) => hear(data)
      own.onclose = retry
    } catch {
      retry()
    }
  }

  const retry = () => {
    if (stopped) return
    sink.state(`connection lost, trying again in ${Math.round(retryMs / 1000)} s; what is shown is old`, 'bad')
    void later(retryMs).then(() => (stopped ? undefined : connect()))
    retryMs = Math.min(RETRY_MS.most, retryMs * 2)
  }

  void refresh()
  void connect()

  return {
    /** @param {string | undefined} id whose history is told; undefined for nobody's */
    choose(id) {
      actor = id
      readHistory().catch(failed)
    },
    stop() {
      stopped = true
      socket?.close()
    },
  }
}

/** @typedef {ReturnType<typeof watchRun>} RunWatch */

/** @param {string} kind */
function isOf(kind) {
  return (/** @type {RunRecord} */ record) => record.type === 'transition' && record.actor.kind === kind
}

/** @param {number} ms */
function later(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
