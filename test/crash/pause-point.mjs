/**
 * Preloaded into a `troupe` process (`node --import`): at the point that TROUPE_PAUSE_AT names (`create.answered:3`, the third answer
 * to a create) it says so on fd 2 and stands still for ever, so that SIGKILL strikes exactly there. Nothing else is changed: each
 * call is passed on as it came. The points are listed in crash-points.ts.
 */
import fs from 'node:fs'
import promises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { basename, dirname } from 'node:path'

const [, wanted = '', ordinal = '1'] = /^([\w.-]+):(\d+)$/.exec(process.env['TROUPE_PAUSE_AT'] ?? '') ?? []
const { writeSync } = fs
let reached = 0

function pass(point) {
  if (point === wanted && ++reached === Number(ordinal)) pause()
}

function pause() {
  writeSync(2, `paused at ${wanted}:${ordinal}\n`)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

/** What a path is, by the names in the data folder; undefined for what is no subject of a point. */
function subjectOf(path) {
  const name = basename(String(path))
  if (/^journal\.\d+\.ndjson$/.test(name)) return 'journal'
  if (name === '.checkpoint.json.tmp' || name === 'checkpoint.json') return 'checkpoint'
  if (name === 'checkpoint.previous.json') return 'previous'
  if (name === '.index.json.tmp' || name === 'index.json') return 'index'
  if (name === '.workflow.json.tmp' || name === 'workflow.json') return 'definition'
  if (/^\.?\d+\.\d+(\.tmp)?$/.test(name) && basename(dirname(dirname(String(path)))) === 'results') return 'result'
  if (name === 'control.sock') return 'control'
  if (basename(dirname(String(path))) === 'limits') return 'notebook'
  return undefined
}

/** Around one call: `create.sending`, then `create.answered`. */
async function around(subject, before, after, call) {
  if (subject !== undefined) pass(`${subject}.${before}`)
  const result = await call()
  if (subject !== undefined) pass(`${subject}.${after}`)
  return result
}

function wrapNetwork() {
  const real = globalThis.fetch
  const kinds = [
    ['POST', /\/agent\/run$/, 'create'],
    ['POST', /\/agent\/run\/resume$/, 'resume'],
    ['GET', /\/agent\/runs$/, 'list'],
    ['GET', /\/agent\/run\/\d+$/, 'read'],
    ['GET', /\/logs$/, 'logs'],
  ]
  globalThis.fetch = (input, init) => {
    const method = init?.method ?? input.method ?? 'GET'
    const { pathname } = new URL(input.url ?? input)
    const kind = kinds.find(([verb, path]) => verb === method && path.test(pathname))?.[2]
    // The call is on its way: whether it has arrived nobody knows.
    if (wanted === `${kind}.sent`) setTimeout(() => pass(`${kind}.sent`), 2)
    return around(kind, 'sending', 'answered', () => real(input, init))
  }
}

const paths = new WeakMap()

async function wrapHandles() {
  const { open } = promises
  promises.open = async (path, ...rest) => {
    const handle = await open(path, ...rest)
    paths.set(handle, path)
    const subject = subjectOf(path)
    if (subject !== undefined) pass(`${subject}.opened`)
    return handle
  }
  const probe = await open(new URL(import.meta.url), 'r')
  const prototype = Object.getPrototypeOf(probe)
  await probe.close()
  const { write, datasync, sync } = prototype
  prototype.write = async function (buffer, offset, length, ...rest) {
    const subject = subjectOf(paths.get(this) ?? '')
    // The system may take a part of the bytes and die: half of them are there.
    if (wanted === `${subject}.torn` && ++reached === Number(ordinal)) {
      await write.call(this, buffer, offset, length >> 1, ...rest)
      pause()
    }
    return around(subject, 'writing', 'written', () => write.call(this, buffer, offset, length, ...rest))
  }
  prototype.datasync = function () {
    return around(subjectOf(paths.get(this) ?? ''), 'syncing', 'synced', () => datasync.call(this))
  }
  prototype.sync = function () {
    return around(subjectOf(paths.get(this) ?? ''), 'syncing', 'synced', () => sync.call(this))
  }
}

function wrapNames() {
  const { rename, link } = promises
  promises.rename = (from, to) => around(subjectOf(to), 'renaming', 'renamed', () => rename(from, to))
  promises.link = (from, to) => around(subjectOf(to), 'linking', 'linked', () => link(from, to))
}

function wrapSynchronous() {
  const { openSync, renameSync } = fs
  const subjects = new Map()
  const now = (subject, before, after, call) => {
    if (subject !== undefined) pass(`${subject}.${before}`)
    const result = call()
    if (subject !== undefined) pass(`${subject}.${after}`)
    return result
  }
  fs.openSync = (path, ...rest) => {
    const descriptor = openSync(path, ...rest)
    subjects.set(descriptor, subjectOf(path))
    return descriptor
  }
  fs.writeSync = (descriptor, ...rest) =>
    now(subjects.get(descriptor), 'noting', 'noted', () => writeSync(descriptor, ...rest))
  fs.renameSync = (from, to) => now(subjectOf(to), 'replacing', 'replaced', () => renameSync(from, to))
}

wrapNetwork()
await wrapHandles()
wrapNames()
wrapSynchronous()
syncBuiltinESMExports()
