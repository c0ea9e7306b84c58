import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { missingAgents, PINNED_AGENTS, PINNED_WITHIN } from './pinned-agents.ts'

/** How agents are installed. */
export interface InstallOptions {
  readonly folder: string
  /** npm, or what a test has in its place; it is started in the new folder with the arguments of an install. */
  readonly npm: readonly [program: string, ...args: string[]]
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

const INSTALL = ['install', '--no-audit', '--no-fund', '--loglevel=error', '--no-package-lock']
/** Leftovers of installations that were killed are taken away when nobody can be at work in them any more. */
const LEFTOVER_MS = 60 * 60_000

/** Why the agents cannot be installed, and what can be done; one text for people. */
export class InstallationError extends Error {
  override readonly name = 'InstallationError'
}

/**
 * Makes a folder with the agents, whole or not at all: they are installed beside it and moved when they are complete. Of two at once
 * the later one takes what the earlier one made.
 */
export async function installAgents(options: InstallOptions): Promise<'installed' | 'already there'> {
  const { folder } = options
  if (missingAgents(folder).length === 0) return 'already there'
  if (existsSync(folder) && readdirSync(folder).length > 0)
    throw new InstallationError(
      `${folder} is not empty and not a folder of these agents (${missingAgents(folder)[0]}). Remove it, or set TROUPE_AGENTS_DIR to another folder.`,
    )
  mkdirSync(dirname(folder), { recursive: true })
  removeLeftovers(folder)
  const scratch = await mkdtemp(`${folder}.installing-`)
  try {
    const manifest = { name: 'troupe-agents', private: true, dependencies: PINNED_AGENTS, overrides: PINNED_WITHIN }
    writeFileSync(join(scratch, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
    await runNpm(options, scratch)
    const [missing] = missingAgents(scratch)
    if (missing !== undefined) throw new InstallationError(`npm ended well, but ${missing}.`)
    return moveTo(scratch, folder)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

function moveTo(scratch: string, folder: string): 'installed' | 'already there' {
  try {
    renameSync(scratch, folder)
    return 'installed'
  } catch (error) {
    if (missingAgents(folder).length === 0) return 'already there'
    throw error
  }
}

function removeLeftovers(folder: string): void {
  const prefix = `${basename(folder)}.installing-`
  for (const name of readdirSync(dirname(folder)).filter((entry) => entry.startsWith(prefix))) {
    const path = join(dirname(folder), name)
    const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
    if (age > LEFTOVER_MS) rmSync(path, { recursive: true, force: true })
  }
}

/** Ends with npm, which is killed with all that it started when it takes too long or is no longer wanted. */
function runNpm({ npm: [program, ...args], timeoutMs, signal }: InstallOptions, cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args, ...INSTALL], { cwd, detached: true, stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    let why: string | undefined
    const stop = (reason: string) => {
      why = reason
      killGroup(child)
    }
    const timer = setTimeout(stop, timeoutMs, `it took longer than ${Math.round(timeoutMs / 1000)} s`)
    const aborted = () => stop('it was interrupted')
    if (signal?.aborted) aborted()
    signal?.addEventListener('abort', aborted, { once: true })
    child.stderr.on('data', (chunk) => {
      said = `${said}${chunk}`.slice(-4_000)
    })
    const settle = (problem: string | undefined) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', aborted)
      if (problem === undefined) resolve()
      else reject(new InstallationError(`npm could not install the agents: ${problem}.${said && `\n${said.trim()}`}`))
    }
    child.on('error', (error) => settle(error.message))
    child.on('close', (code, ended) => settle(why ?? (code === 0 ? undefined : `it ended with ${code ?? ended}`)))
  })
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}
