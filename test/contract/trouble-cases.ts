import { existsSync } from 'node:fs'
import { expect } from 'vitest'
import type { AgentRunRef } from '../../src/domain/backend.ts'
import { begun, type ContractCase, localOf } from './contract-case.ts'
import { ended, never, type Stage } from './stage.ts'

const DONE = { act: 'say', text: 'All is done.' } as const

/** How it ended for somebody who decides what comes next. */
async function failureOf(stage: Stage, task: string, act: 'unauthorized' | 'cut') {
  const ref = await begun(stage, { task, acts: [{ act }, DONE] })
  const { status, failure } = await ended(stage, ref)
  return { status, kind: failure?.kind, retryable: failure?.retryable }
}

/** In a tool, with its session noted: it may begin the one before troupe has noted the other. */
async function inToolOfSession(stage: Stage, task: string): Promise<void> {
  const { local } = stage
  await local?.inTool(task)
  if (local !== undefined) await stage.until(async () => (await local.work(task))?.session !== undefined)
}

/** Whether it goes on in the session it had. */
async function goesOn(stage: Stage, ref: AgentRunRef, task: string): Promise<void> {
  const session = (await stage.local?.work(task))?.session
  const state = await ended(stage, ref)
  expect(state).toMatchObject({ status: 'complete' })
  expect(state.result).toContain('All is done.')
  if (stage.local === undefined) return
  expect(state.turn).toBe(1)
  const work = await stage.local.work(task)
  expect({ turns: work?.turns, continued: work?.continued, session: work?.session }).toEqual({
    turns: 1,
    continued: 1,
    session,
  })
  expect((await stage.local.told(task)).at(-1)).toContain('You were interrupted in the middle of this turn')
}

/** What happens to agents, their providers and to troupe. */
export const TROUBLE: Readonly<Record<string, ContractCase>> = {
  denied: {
    title: 'that was refused a permission has not done it, and says so whatever its agent says',
    needs: ['worktree'],
    async play(stage) {
      const local = localOf(stage)
      const path = `${local.outside}-denied`
      const ref = await begun(stage, { task: 'denied', acts: [{ act: 'write-outside', path }, DONE] })
      await stage.until(async () => ((await local.work('denied'))?.denied ?? []).length > 0)
      // Its model asks for it no more.
      await local.recover('denied')
      expect(await ended(stage, ref)).toMatchObject({ status: 'complete', result: 'All is done.' })
      expect(existsSync(path)).toBe(false)
      for (const what of (await local.work('denied'))?.denied ?? [])
        expect(what.includes(path) || what.includes('outside of the project')).toBe(true)
    },
  },
  asked: {
    title: 'asks a person for a permission, and goes on in the same turn with the answer',
    needs: ['worktree'],
    async play(stage) {
      const local = localOf(stage)
      const path = `${local.outside}-asked`
      const permissions = { rest: 'ask', deadlineMs: 600_000 } as const
      const ref = await begun(stage, { task: 'asked', acts: [{ act: 'write-outside', path }, DONE], permissions })
      await stage.until(async () => (await stage.backend.read(ref, never)).status === 'paused')
      expect((await stage.backend.read(ref, never)).summary).toContain(path)
      expect(existsSync(path)).toBe(false)
      await stage.backend.prompt(ref, { turn: 2, text: 'A person answers: yes', answer: 'yes' }, never)
      expect(await ended(stage, ref)).toMatchObject({ status: 'complete', turn: 2, result: 'All is done.' })
      expect(existsSync(path)).toBe(true)
      expect((await local.work('asked'))?.denied).toEqual([])
    },
  },
  'cancel-hung': {
    title: 'is stopped while its model does not answer',
    needs: ['cancel'],
    async play(stage) {
      const ref = await begun(stage, { task: 'hung', acts: [{ act: 'hang' }] })
      const { local } = stage
      if (local !== undefined) await stage.until(async () => (await local.told('hung')).length > 0)
      await stage.backend.cancel?.(ref, never)
      expect(await ended(stage, ref)).toMatchObject({ status: 'cancelled' })
      if (local !== undefined) expect(await local.processes('hung')).toEqual([])
      await expect(stage.backend.prompt(ref, { turn: 2, text: 'Go on.' }, never)).rejects.toMatchObject({
        kind: 'refused',
      })
      await stage.backend.cancel?.(ref, never)
    },
  },
  'cancel-tool': {
    title: 'is stopped in the middle of a tool, whose process is gone then',
    needs: ['cancel', 'worktree'],
    async play(stage) {
      const local = localOf(stage)
      const ref = await begun(stage, { task: 'tool', acts: [{ act: 'tool' }, DONE] })
      await local.inTool('tool')
      await stage.backend.cancel?.(ref, never)
      expect(await local.processes('tool')).toEqual([])
      expect(await ended(stage, ref)).toMatchObject({ status: 'cancelled' })
    },
  },
  steer: {
    title: 'hears what it is told in the middle of a turn, and is told nothing when none is under way',
    needs: ['steer', 'worktree'],
    async play(stage) {
      const local = localOf(stage)
      const word = 'Mind the blue door.'
      const ref = await begun(stage, { task: 'steer', acts: [{ act: 'listen', for: word }] })
      await stage.until(async () => (await local.told('steer')).length > 0)
      const message = { turn: 1, text: word }
      expect(await stage.backend.steer?.(ref, message, never)).toBe('injected')
      local.letGoOn('steer')
      const state = await ended(stage, ref)
      expect(state).toMatchObject({ status: 'complete', turn: 1 })
      expect(state.result).toContain(word)
      expect(await stage.backend.steer?.(ref, message, never)).toBe('no-turn')
    },
  },
  'rate-limit': {
    title: 'waits where its provider is asked too often, and completes in the same attempt',
    needs: ['worktree'],
    async play(stage) {
      const local = localOf(stage)
      const ref = await begun(stage, { task: 'rate', acts: [{ act: 'rate-limited' }, DONE] })
      // Where it is known when the limit ends, that may be over before anybody looks.
      await stage.until(async () => {
        const { rawStatus } = await stage.backend.read(ref, never)
        return rawStatus === 'rate limited' || ((await local.work('rate'))?.continued ?? 0) > 0
      })
      await local.recover('rate')
      local.passLimit()
      expect(await ended(stage, ref)).toMatchObject({ status: 'complete', turn: 1, result: 'All is done.' })
      expect((await local.told('rate')).at(-1)).toContain('Your provider made you wait')
    },
  },
  'usage-limit': {
    title: 'fails where its usage limit is reached, with when that ends where it is told',
    needs: ['worktree'],
    async play(stage, { usageLimit }) {
      const resetsAt = Math.ceil(Date.now() / 60_000) * 60 + 5 * 3_600
      const write = { act: 'write', path: 'a.md', content: 'a\n' } as const
      const ref = await begun(stage, { task: 'limit', acts: [write, { act: 'usage-limit', resetsAt }, DONE] })
      const { status, failure } = await ended(stage, ref)
      expect([status, failure?.kind]).toEqual(['failed', usageLimit?.kind])
      const late = (failure?.notBefore ?? 0) / 1_000 - resetsAt
      if (usageLimit?.saysWhen) expect([late >= 0, late <= 60]).toEqual([true, true])
      else expect(failure?.notBefore).toBeUndefined()
    },
  },
  auth: {
    title: 'fails at once where its key is wrong, for good',
    needs: ['worktree'],
    async play(stage) {
      const failure = await failureOf(stage, 'auth', 'unauthorized')
      expect(failure).toEqual({ status: 'failed', kind: 'auth', retryable: false })
    },
  },
  cut: {
    title: 'fails so that it can be tried again where the connection to its model breaks again and again',
    needs: ['worktree'],
    async play(stage) {
      const failure = await failureOf(stage, 'cut', 'cut')
      expect(failure).toEqual({ status: 'failed', kind: 'unreachable', retryable: true })
    },
  },
  'agent-killed': {
    title: 'fails so that it can be tried again where its agent is killed in the middle of a tool',
    needs: ['worktree'],
    async play(stage) {
      const local = localOf(stage)
      const ref = await begun(stage, { task: 'killed', acts: [{ act: 'tool' }, DONE] })
      await local.inTool('killed')
      await local.killAgent('killed')
      const { status, failure } = await ended(stage, ref)
      expect({ status, kind: failure?.kind, retryable: failure?.retryable }).toEqual({
        status: 'failed',
        kind: 'crashed',
        retryable: true,
      })
      expect(await local.processes('killed')).toEqual([])
    },
  },
  'troupe-killed': {
    title: 'goes on in the same session when troupe was killed in the middle of a tool',
    needs: ['resumeAfterRestart'],
    async play(stage) {
      const order = stage.order({ task: 'orphan', acts: [{ act: 'tool' }, DONE] })
      const ref = await stage.killTroupeIn(order, () => inToolOfSession(stage, 'orphan'))
      await goesOn(stage, ref, 'orphan')
    },
  },
  'troupe-closed': {
    title: 'goes on in the same session when troupe was ended in the middle of a tool',
    needs: ['resumeAfterRestart'],
    async play(stage) {
      const ref = await begun(stage, { task: 'paused', acts: [{ act: 'tool' }, DONE] })
      await inToolOfSession(stage, 'paused')
      await stage.reopen()
      if (stage.local !== undefined) expect(await stage.local.processes('paused')).toEqual([])
      await goesOn(stage, ref, 'paused')
    },
  },
}
