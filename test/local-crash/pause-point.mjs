/**
 * Preloaded into a `troupe` process: stops it for good at the first of some places in its work with local agents, so that it can be killed
 * exactly there. TROUPE_PAUSE_AT lists them:
 *
 *   note.FACT.HOW@TASK      at a line of an attempt's notes: `writing`, `torn` (half of it is there), `written`, `synced`
 *   record.STATE@TASK       a record of the run's journal is durable, and nothing has followed from it
 *   git.WHAT.HOW@any        a git of troupe's own is about to be started (`before`) or at work (`during`); it lives on
 *   release.renamed@TASK    the worktree has its name no more, and is still registered
 *   guard.started           the guard lives, no agent yet
 *
 * It says `paused at PLACE` when it came to one.
 */
import childProcess from 'node:child_process'
import fs from 'node:fs'
import promises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

const wanted = new Set((process.env['TROUPE_PAUSE_AT'] ?? '').split(',').filter(Boolean))

function pass(point) {
  if (!wanted.has(point)) return
  fs.writeSync(2, `paused at ${point}\n`)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

const paths = new WeakMap()
/** What was written to a journal and is not durable yet. */
const unsynced = new WeakMap()

function noteOf(path, bytes) {
  const task = /\/local\/(.+)\.\d+\/notes\.ndjson$/.exec(path)?.[1]
  const fact = /"fact":"(\w+)"/.exec(bytes.toString())?.[1]
  return task === undefined || fact === undefined ? undefined : { fact, task }
}

function recordsIn(bytes) {
  const lines = bytes.toString('utf8').split('\n')
  return lines.flatMap((line) => {
    try {
      const { actor, to } = JSON.parse(line)
      return to === undefined ? [] : [`record.${to}@${actor.id}`]
    } catch {
      return []
    }
  })
}

async function wrapHandles() {
  const { open } = promises
  promises.open = async (path, ...rest) => {
    const handle = await open(path, ...rest)
    paths.set(handle, String(path))
    return handle
  }
  const probe = await open(new URL(import.meta.url), 'r')
  const prototype = Object.getPrototypeOf(probe)
  await probe.close()
  const { appendFile, write, datasync } = prototype
  const noted = new WeakMap()
  prototype.appendFile = async function (bytes, ...rest) {
    const note = noteOf(paths.get(this) ?? '', bytes)
    if (note === undefined) return appendFile.call(this, bytes, ...rest)
    const at = (how) => `note.${note.fact}.${how}@${note.task}`
    pass(at('writing'))
    if (wanted.has(at('torn'))) {
      await appendFile.call(this, bytes.subarray(0, bytes.length >> 1), ...rest)
      pass(at('torn'))
    }
    await appendFile.call(this, bytes, ...rest)
    noted.set(this, at)
    pass(at('written'))
  }
  prototype.write = async function (buffer, offset, length, ...rest) {
    const result = await write.call(this, buffer, offset, length, ...rest)
    if (/\/journal\.\d+\.ndjson$/.test(paths.get(this) ?? ''))
      unsynced.set(this, [...(unsynced.get(this) ?? []), ...recordsIn(buffer.subarray(offset, offset + length))])
    return result
  }
  prototype.datasync = async function () {
    await datasync.call(this)
    const at = noted.get(this)
    if (at !== undefined) pass(at('synced'))
    const points = unsynced.get(this) ?? []
    unsynced.delete(this)
    for (const point of points) pass(point)
  }
}

function taskIn(texts) {
  for (const text of texts) {
    const task = /\/run_[0-9a-z]+\/([\w-]+)[./]\d+/.exec(String(text))?.[1]
    if (task !== undefined) return task
  }
  return ''
}

function wrapProcesses() {
  const { spawn } = childProcess
  childProcess.spawn = (command, args, options) => {
    const words = args ?? []
    if (command !== 'git') {
      const child = spawn(command, args, options)
      // It is told by its pipe that we are gone: the kill is of its very first moment.
      if (words.some((word) => /orphan-guard/.test(word))) pass('guard.started')
      return child
    }
    const at = words.indexOf('-C')
    const [folder = '', what = ''] = words.slice(at + 1)
    const task = taskIn([folder, ...words.slice(at + 3), options?.env?.['GIT_INDEX_FILE'] ?? ''])
    // Of most it cannot be told whose they are.
    const passBoth = (how) => {
      for (const whose of [task, 'any']) pass(`git.${what === '-c' ? words[at + 4] : what}.${how}@${whose}`)
    }
    passBoth('before')
    const child = spawn(command, args, options)
    passBoth('during')
    return child
  }
}

function wrapRename() {
  const { rename } = promises
  promises.rename = async (from, to) => {
    await rename(from, to)
    if (String(to).endsWith('.gone')) pass(`release.renamed@${taskIn([to])}`)
  }
}

await wrapHandles()
wrapProcesses()
wrapRename()
syncBuiltinESMExports()
