import { describe, expect, it } from 'vitest'
import { Dealer } from './kill-points.ts'

function plans(seed: number, runs: number) {
  const dealer = new Dealer(seed)
  return Array.from({ length: runs }, () => dealer.next(50))
}

describe('kills of runs with local agents', () => {
  it('are the same for the same seed', () => {
    expect(plans(3, 4)).toEqual(plans(3, 4))
  })

  it('are at every kind of fact of an attempt before any comes twice, and at agents, too', () => {
    const dealt = plans(1, 7)
    const kinds = new Set(dealt.flatMap(({ points }) => points.map((point) => point.replace(/@.*$/, ''))))
    const facts = ['ordered', 'workspace', 'ready', 'process', 'session', 'turn', 'ended', 'collected', 'released']
    const wanted = facts.flatMap((fact) => ['torn', 'written', 'synced'].map((how) => `note.${fact}.${how}`))
    expect(wanted.filter((kind) => !kinds.has(kind))).toEqual([])
    expect(dealt.some(({ agents }) => agents.length > 0)).toBe(true)
  })

  it('are tried again where no process came there', () => {
    const dealer = new Dealer(1)
    dealer.missed(['note.turn.torn@docs'])
    expect(dealer.next(3).points).toContain('note.turn.torn@docs')
  })
})
