import type { CliContext, StopSignal } from './context.ts'

/**
 * Wrappers (npx, timeout) pass a signal on that the terminal, or they, gave to the whole group: the same wish arrives twice.
 */
const ECHO_MS = 300

const CODES: Readonly<Record<StopSignal, 130 | 143>> = { SIGINT: 130, SIGTERM: 143 }

/** Somebody's wish that the command ends. */
export interface StopRequest {
  /** Aborted at the first signal. */
  readonly signal: AbortSignal
  /** 130 or 143 once it is aborted. */
  exitCode(): 130 | 143
  /** Called just before the process ends at once. */
  onForce(fn: () => void): void
  /** From here on signals end the process as they always do. */
  dispose(): void
}

/** Makes the first Ctrl-C (or SIGTERM) a wish to stop cleanly; the second ends the process at once. */
export function listenForStop(context: Pick<CliContext, 'onSignal' | 'exitNow' | 'now'>): StopRequest {
  const controller = new AbortController()
  let code: 130 | 143 = 130
  let since = 0
  let force: () => void = () => undefined
  const dispose = context.onSignal((name) => {
    if (controller.signal.aborted) {
      if (context.now() - since < ECHO_MS) return
      force()
      return context.exitNow(CODES[name])
    }
    since = context.now()
    code = CODES[name]
    controller.abort(new Error(`Stopped by ${name}.`))
  })
  const onForce = (fn: () => void) => {
    force = fn
  }
  return { signal: controller.signal, exitCode: () => code, onForce, dispose }
}

/** The promise's end, or undefined as soon as the stop is wished. */
export function untilStopped<T>(work: Promise<T>, stop: StopRequest): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const onStop = () => resolve(undefined)
    stop.signal.addEventListener('abort', onStop, { once: true })
    if (stop.signal.aborted) onStop()
    work.then(resolve, reject).finally(() => stop.signal.removeEventListener('abort', onStop))
  })
}
