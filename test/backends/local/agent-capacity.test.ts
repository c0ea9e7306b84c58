import { totalmem } from 'node:os'
import { describe, expect, it } from 'vitest'
import { agentCapacity, reclaimableBytes } from '../../../src/backends/local/agent-capacity.ts'

const MB = 1024 * 1024

describe('agentCapacity', () => {
  it('is how many fit into four fifths of what is free', () => {
    expect([agentCapacity(300, 3_000 * MB), agentCapacity(300, 3_374 * MB), agentCapacity(300, 3_375 * MB)]).toEqual([
      8, 8, 9,
    ])
  })

  it('is at least one', () => {
    expect([agentCapacity(300, 100 * MB), agentCapacity(300, 0)]).toEqual([1, 1])
  })

  it('is never more than the machine could hold', () => {
    const most = agentCapacity(1)
    expect(most).toBeGreaterThanOrEqual(1)
    expect(most).toBeLessThanOrEqual(totalmem() / MB)
  })

  it('counts the files that a container has read as free, since they give way', () => {
    expect(reclaimableBytes('anon 1\nfile 9\ninactive_anon 5\ninactive_file 123456\nactive_file 7\n')).toBe(123_456)
    expect(reclaimableBytes('')).toBe(0)
  })
})
