#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { createProcessContext, flushOutputs } from './process-context.ts'
import { commanderExitCode, createProgram } from './program.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}
const context = createProcessContext()

/** Runs the command line; gives the exit code and never throws. */
async function main(argv: readonly string[]): Promise<number> {
  let exitCode = 0
  const program = createProgram({
    version,
    context,
    onExitCode: (code) => {
      exitCode = code
    },
  })
  try {
    await program.parseAsync(argv)
    return exitCode
  } catch (error) {
    return commanderExitCode(error) ?? (await import('./report-error.ts')).reportError(context, error)
  }
}

/** What nobody waited for: said like any other mistake, and the end. */
async function giveUp(error: unknown): Promise<void> {
  process.exitCode = (await import('./report-error.ts')).reportError(context, error)
  await flushOutputs()
  process.exit()
}

process.on('uncaughtException', (error) => void giveUp(error))
const code = await main(process.argv)
await flushOutputs()
process.exit(code)
