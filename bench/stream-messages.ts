/** What the processes of the stream's benchmarks tell each other over IPC. */

/** To the process that serves. */
export type ServerTask =
  /** Makes so many records durable each second. */
  | { readonly do: 'emit'; readonly perSecond: number; readonly seconds: number }
  /** Sends so many frames as fast as they are taken, through the stream or straight to bare sockets. */
  | { readonly do: 'broadcast'; readonly through: 'stream' | 'bare'; readonly frames: number }

/** From the process that serves. */
export type ServerSays =
  | { readonly says: 'serving'; readonly port: number; readonly barePort: number }
  | {
      readonly says: 'emitted'
      readonly records: number
      readonly cpuMs: number
      readonly rssBeforeMb: number
      readonly rssPeakMb: number
    }
  | { readonly says: 'sent'; readonly bytes: number; readonly cpuMs: number; readonly startedMs: number }

/** To the process of the clients. */
export type ClientsTask =
  | { readonly do: 'subscribe'; readonly port: number; readonly clients: number }
  /** Waits until every client has what was emitted, and reports. */
  | { readonly do: 'report'; readonly records: number }
  /** Counts bytes on bare sockets. */
  | { readonly do: 'count'; readonly port: number; readonly clients: number }
  /** Waits until every socket got so many bytes beyond those of before. */
  | { readonly do: 'await'; readonly bytes: number }

/** From the process of the clients. */
export type ClientsSay =
  | { readonly says: 'ready' }
  | {
      readonly says: 'received'
      readonly received: number
      readonly missed: number
      readonly repeated: number
      readonly resyncs: number
      readonly frames: number
      readonly p50Ms: number
      readonly p99Ms: number
      readonly maxMs: number
      readonly cpuMs: number
    }
  | { readonly says: 'got'; readonly endedMs: number }

/** Milliseconds on a clock that all processes of this machine share. */
export function sharedNow(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000
}

/** The run that is followed. */
export const RUN = 'run_06f2r0m5e8q1w7xk3d'
