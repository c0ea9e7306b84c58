/**
 * A program of its own, started by troupe while agents run: `orphan-guard OWNER`. When its stdin ends without a word, troupe has ended without
 * ending its agents: it kills everything that bears the owner's mark. See guard-process.ts.
 */
import type { Clock } from '../../domain/clock.ts'
import { OWNER_MARK, sweep } from './process-marks.ts'

/** No part of troupe's process, so that it has a clock of its own. */
const clock: Clock = {
  now: () => performance.now(),
  setTimeout: (fn, ms) => setTimeout(fn, ms),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
  operation: (work) => work,
}

// What ends troupe may be meant for all of its processes; this one is needed exactly then.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) process.on(signal, () => undefined)

let said = ''
let isEnded = false

async function end(): Promise<void> {
  if (isEnded) return
  isEnded = true
  const owner = process.argv[2] ?? ''
  if (!said.includes('done') && owner !== '') await sweep(OWNER_MARK, owner, { clock })
  process.exit(0)
}

process.stdin
  .on('data', (chunk: Buffer) => {
    said += chunk.toString('latin1')
  })
  .on('error', () => void end())
  .on('end', () => void end())
