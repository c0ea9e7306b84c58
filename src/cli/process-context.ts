import { limitHeapGrowth } from '../host/heap-growth.ts'
import type { CliContext, Output, Screen, StopSignal } from './context.ts'

const SIGNALS: readonly StopSignal[] = ['SIGINT', 'SIGTERM']

/** The outside of this process. What only some commands need is loaded when it is used. */
export function createProcessContext(): CliContext {
  return {
    env: process.env,
    cwd: process.cwd(),
    stdout: outputOf(process.stdout),
    stderr: outputOf(process.stderr),
    now: () => Date.now(),
    every(ms, fn) {
      const timer = setInterval(fn, ms)
      return () => clearInterval(timer)
    },
    onSignal(listener) {
      for (const signal of SIGNALS) process.on(signal, listener)
      return () => {
        for (const signal of SIGNALS) process.off(signal, listener)
      }
    },
    exitNow: (code) => process.exit(code),
    openScreen,
    ...(process.stdin.isTTY && process.stdout.isTTY ? { question } : {}),
    takeFolder: async (dataDir, options) => {
      const { holdFolder } = await import('../hold-folder.ts')
      const { readLocalOptions } = await import('./local-options.ts')
      limitHeapGrowth()
      return holdFolder(dataDir, {
        ...options,
        local: await readLocalOptions(process.cwd(), process.env),
        env: process.env,
      })
    },
    findHolder: async (dataDir) => (await import('./find-holder.ts')).findHolder(dataDir),
    openReader: async (dataDir) => (await import('../data-folder-reader.ts')).openDataFolderReader(dataDir),
    openLocal: async () => (await import('./local-tools.ts')).createLocalTools(process.env),
    stampOf: async (dataDir, runs) => (await import('./journal-stamp.ts')).journalStamp(dataDir, runs),
  }
}

/** Resolves when what was written has left this process, or nobody takes it any more. */
export async function flushOutputs(): Promise<void> {
  await Promise.all(
    [process.stdout, process.stderr].map((stream) => new Promise((resolve) => stream.write('', resolve))),
  )
}

function outputOf(stream: NodeJS.WriteStream): Output {
  let broken = false
  // Whoever read along has gone (`| head`): the runs go on without being shown.
  stream.on('error', () => {
    broken = true
    stream.emit('drain')
  })
  return {
    write: (text) => broken || stream.write(text),
    onceDrained: (fn) => void stream.once('drain', fn),
    isTerminal: stream.isTTY === true,
    onceGone: (fn) => void stream.once('error', fn),
    get columns() {
      return stream.columns || 80
    },
    get rows() {
      return stream.rows || 24
    },
  }
}

async function question(prompt: string): Promise<string | undefined> {
  const { createInterface } = await import('node:readline')
  const lines = createInterface({ input: process.stdin, output: process.stdout })
  try {
    return await new Promise((resolve) => {
      // Ctrl-C and Ctrl-D leave the question, not the run.
      lines.once('SIGINT', () => resolve(undefined))
      lines.once('close', () => resolve(undefined))
      lines.question(prompt, resolve)
    })
  } finally {
    lines.close()
  }
}

async function openScreen(): Promise<Screen> {
  const { createLogUpdate } = await import('log-update')
  const update = createLogUpdate(process.stdout)
  let height = 0
  const clear = () => {
    update.clear()
    height = 0
  }
  return {
    draw(lines) {
      // It patches what changed in place, which goes wrong where lines come in between.
      if (lines.length !== height) clear()
      height = lines.length
      update(lines.join('\n'))
    },
    clear,
    close: () => update.done(),
  }
}
