import { onTestFinished } from 'vitest'
import { runStandIn, type StandInCommand } from '../../src/cli/stand-in.ts'

/** Serves the stand-in on a free port until the test is over; its address. */
export async function serveCodegen(options: Partial<StandInCommand> = {}): Promise<string> {
  const stop = new AbortController()
  const line = await new Promise<string>((resolve, reject) => {
    const served = runStandIn(
      { port: 0, seed: 1, speed: 1, limits: {}, faults: {}, ...options },
      { stdout: resolve, signal: stop.signal },
    )
    served.catch(reject)
    onTestFinished(() => {
      stop.abort()
      return served
    })
  })
  return /http:\S+$/.exec(line)?.[0] ?? ''
}
