import { onTestFinished } from 'vitest'
import type { RunRecord } from '../../src/domain/record.ts'

/** One server-sent event; a comment is an event `comment`. */
export interface ServerEvent {
  readonly event: string
  readonly id?: string
  readonly data: unknown
}

/** Reads server-sent events as they come. */
export interface EventReader {
  readonly response: Response
  readonly events: ServerEvent[]
  /** The milliseconds after which a browser would connect again. */
  readonly retry: () => number | undefined
  /** Resolves with the first event from here on, or read already, that fits; rejects when the events end before. */
  until(fits: (event: ServerEvent) => boolean): Promise<ServerEvent>
  /** Reads nothing for now. */
  pause(): void
  resume(): void
  /** Resolves when the server has ended the events. */
  ended(): Promise<void>
  close(): void
}

/** Asks for events, as a browser's EventSource does. */
export async function openEvents(port: number, query = '', headers: Record<string, string> = {}): Promise<EventReader> {
  const abort = new AbortController()
  onTestFinished(() => abort.abort())
  const response = await fetch(`http://127.0.0.1:${port}/v1/events${query}`, { headers, signal: abort.signal })
  const events: ServerEvent[] = []
  const waiters = new Set<() => void>()
  let retry: number | undefined
  let over = false
  let resume: (() => void) | undefined
  let paused: Promise<void> | undefined

  const take = (block: string) => {
    const fields = new Map(block.split('\n').map((line) => [line.split(': ')[0], line.slice(line.indexOf(': ') + 2)]))
    if (fields.has('retry')) retry = Number(fields.get('retry'))
    else if (block.startsWith(':')) events.push({ event: 'comment', data: null })
    else {
      const id = fields.get('id')
      const data: unknown = JSON.parse(fields.get('data') ?? 'null')
      events.push({ event: fields.get('event') ?? 'message', ...(id === undefined ? {} : { id }), data })
    }
  }
  const read = async () => {
    let rest = ''
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) {
      await paused
      const blocks = (rest + decoder.decode(chunk, { stream: true })).split('\n\n')
      rest = blocks.pop() ?? ''
      for (const block of blocks) take(block)
      for (const wake of waiters) wake()
    }
  }
  const ended = read()
    .catch(() => undefined)
    .then(() => {
      over = true
      for (const wake of waiters) wake()
    })
  const until = (fits: (event: ServerEvent) => boolean) =>
    new Promise<ServerEvent>((resolve, reject) => {
      const wake = () => {
        const found = events.find(fits)
        if (!found && !over) return
        waiters.delete(wake)
        if (found) resolve(found)
        else reject(new Error(`The events ended: ${JSON.stringify(events).slice(0, 1000)}`))
      }
      waiters.add(wake)
      wake()
    })
  return {
    response,
    events,
    retry: () => retry,
    until,
    pause: () => {
      paused = new Promise((resolve) => {
        resume = resolve
      })
    },
    resume: () => resume?.(),
    ended: () => ended,
    close: () => abort.abort(),
  }
}

/** Run and seq of every record that came. */
export function recordsIn(events: readonly ServerEvent[]): readonly (readonly [string, number])[] {
  const records = events.filter(({ event }) => event === 'records').flatMap(({ data }) => data as RunRecord[])
  return records.map(({ run, seq }) => [run, seq] as const)
}
