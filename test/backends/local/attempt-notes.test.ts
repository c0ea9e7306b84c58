import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AttemptNotes, attemptFolder } from '../../../src/backends/local/attempt-notes.ts'
import { readAttemptWork } from '../../../src/backends/local/attempt-work.ts'
import type { WorkspaceOrder } from '../../../src/domain/local-work.ts'
import { createVirtualClock } from '../../../src/host/virtual-clock.ts'

const BASE = 'a'.repeat(40)
const workspace: WorkspaceOrder = {
  repository: '/repository',
  needs: [],
  onConflict: 'escalate',
  setup: [],
  permissions: { rest: 'reject', deadlineMs: 1_000, allow: [] },
}
const worktree = {
  repository: '/repository',
  path: '/work/spec.1/tree',
  branch: 'troupe/run_1/spec/1',
  base: BASE,
  conflicts: [],
  stash: null,
}

let run = ''
beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), 'troupe-notes-'))
})
afterEach(() => rm(run, { recursive: true, force: true }))

const openNotes = () => AttemptNotes.open(attemptFolder(run, { task: 'execute[0]', attempt: 1 }), createVirtualClock(5))

/** An attempt whose first turn is under way. */
async function begun(): Promise<AttemptNotes> {
  const notes = await openNotes()
  await notes.note({ fact: 'ordered', backend: 'acp:claude', workspace, base: BASE })
  await notes.note({ fact: 'workspace', worktree })
  await notes.note({ fact: 'ready' })
  await notes.note({ fact: 'session', id: 'session-1' })
  await notes.note({ fact: 'turn', turn: 1, continues: false })
  return notes
}

describe('the notes of an attempt', () => {
  it('know nothing of what was never ordered, and make no folder for it', async () => {
    const notes = await openNotes()
    expect(notes.state).toBeUndefined()
    expect(await readAttemptWork(run)).toEqual([])
  })

  it('tell a later process all that was noted before', async () => {
    await begun()
    expect((await openNotes()).state).toEqual({
      createdAt: 5,
      backend: 'acp:claude',
      workspace,
      runBase: BASE,
      worktree,
      branch: worktree.branch,
      ready: true,
      session: 'session-1',
      turn: 1,
      continued: 0,
      denied: [],
      stashed: false,
      released: false,
      kept: [],
    })
  })

  it('forget a last line that was cut, and go on behind what is whole', async () => {
    const notes = await begun()
    await appendFile(join(notes.folder, 'notes.ndjson'), '{"v":1,"at":5,"fact":"ended","turn":1,"end":{"kind":"com')
    const again = await openNotes()
    expect(again.state?.end).toBeUndefined()
    await again.note({ fact: 'ended', turn: 1, end: { kind: 'complete', reason: 'end_turn' } })
    expect((await openNotes()).state?.end).toEqual({ kind: 'complete', reason: 'end_turn' })
    expect((await readFile(join(notes.folder, 'notes.ndjson'), 'utf8')).split('\n')).toHaveLength(7)
  })

  it('add up what each turn used, and leave out what nobody told', async () => {
    const notes = await begun()
    await notes.note({ fact: 'ended', turn: 1, end: { kind: 'complete', usage: { tokens: 100 } } })
    await notes.note({ fact: 'turn', turn: 2, continues: false })
    expect(notes.state?.end).toBeUndefined()
    await notes.note({ fact: 'ended', turn: 2, end: { kind: 'complete', usage: { tokens: 20, cost: 0.5 } } })
    expect(notes.state?.usage).toEqual({ tokens: 120, cost: 0.5 })
  })

  it('give the turn under way the number of the answer that it goes on with', async () => {
    const notes = await begun()
    await notes.note({ fact: 'joined', turn: 2 })
    expect(notes.state).toMatchObject({ turn: 2 })
    expect(notes.state?.end).toBeUndefined()
  })

  it('count how often a turn was gone on with', async () => {
    const notes = await begun()
    await notes.note({ fact: 'turn', turn: 1, continues: true })
    expect(notes.state).toMatchObject({ turn: 1, continued: 1 })
  })

  it('are what people are told of an attempt', async () => {
    const notes = await begun()
    await notes.note({ fact: 'denied', what: 'fetch example.invalid' })
    await notes.note({
      fact: 'ended',
      turn: 1,
      end: { kind: 'failed', failure: { kind: 'limit', message: 'Too many requests', retryable: true } },
    })
    await notes.note({ fact: 'released', kept: ['.env'] })
    expect(await readAttemptWork(run)).toEqual([
      {
        task: 'execute[0]',
        attempt: 1,
        backend: 'acp:claude',
        state: 'failed',
        reason: 'Too many requests',
        branch: worktree.branch,
        session: 'session-1',
        turns: 1,
        continued: 0,
        denied: ['fetch example.invalid'],
        kept: { folder: join(notes.folder, 'ignored'), files: ['.env'] },
      },
    ])
  })
})
