import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { gitWorld } from './repository.ts'

describe('a worktree', () => {
  it('is touched only when what a killed troupe left running on it has gone', async () => {
    const world = await gitWorld()
    const prepared = await world.prepare('spec')
    const mark = createHash('sha256').update(prepared.path).digest('hex').slice(0, 16)
    const left = spawn('sleep', ['3600'], { env: { ...world.env, TROUPE_WORKTREE: mark }, stdio: 'ignore' })
    try {
      await once(left, 'spawn')
      const ended = once(left, 'exit')
      expect(await world.prepare('spec')).toEqual(prepared)
      expect(await ended).toEqual([null, 'SIGKILL'])
    } finally {
      left.kill('SIGKILL')
    }
  })

  it('is prepared once, however many ask for it at the same time', async () => {
    const world = await gitWorld()
    const [first, ...rest] = await Promise.all([world.prepare('spec'), world.prepare('spec'), world.prepare('spec')])
    expect(rest).toEqual([first, first])
  })
})
