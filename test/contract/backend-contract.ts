import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { ContractCase } from './contract-case.ts'
import { LAST, ORDINARY } from './ordinary-cases.ts'
import type { CaseName, Stage, Subject } from './stage.ts'
import { TROUBLE } from './trouble-cases.ts'

const LIMIT_MS = 90_000

/** The contract, in the order in which it is asked. */
export const CONTRACT = { ...ORDINARY, ...TROUBLE, ...LAST } as Readonly<Record<CaseName, ContractCase>>

/** Why a case is not asked of a subject; undefined: it is. */
export function gapOf(subject: Subject, name: CaseName): string | undefined {
  const lacks = CONTRACT[name].needs.filter((need) => subject.capabilities[need] !== true)
  if (lacks.length > 0) return `declares no ${lacks.join(', no ')}`
  return subject.gaps[name]
}

/** Asks a subject for all that it declares. One stage for all cases: each has an attempt of its own. */
export function backendContract(subject: Subject): void {
  let stage: Stage
  beforeAll(async () => {
    stage = await subject.open()
  }, LIMIT_MS)
  afterAll(async () => {
    await stage?.close()
  }, LIMIT_MS)

  describe(subject.name, () => {
    // Part of every case: what nobody needs any more leaves no process.
    afterEach(async () => expect(await stage.letGo()).toEqual([]), LIMIT_MS)

    it('declares what the contract asks it for', () => {
      expect(stage.backend.capabilities).toEqual(subject.capabilities)
      const { steer, cancel, collect, release, check } = stage.backend
      const has = { steer: steer !== undefined, cancel: cancel !== undefined }
      expect(has).toEqual({ steer: subject.capabilities.steer, cancel: subject.capabilities.cancel })
      const isLocal = subject.capabilities.worktree === true
      expect([collect, release, check].map((method) => method !== undefined)).toEqual([isLocal, isLocal, isLocal])
    })

    for (const [name, { title, play }] of Object.entries(CONTRACT) as [CaseName, ContractCase][]) {
      if (gapOf(subject, name) === undefined) it(title, { timeout: LIMIT_MS }, () => play(stage, subject))
    }
  })
}
