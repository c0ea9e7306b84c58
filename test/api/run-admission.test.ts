import { describe, expect, it } from 'vitest'
import { stopping } from '../../src/api/errors.ts'
import { createRunAdmission } from '../../src/api/run-admission.ts'

describe('the admission of runs', () => {
  it('cannot be closed while a run is being begun, and can afterwards', async () => {
    const admission = createRunAdmission()
    let begun: (runs: string[]) => void = () => undefined
    const admitted = admission.admit(() => new Promise((resolve) => (begun = resolve)))
    expect(admission.close()).toBe(false)
    begun(['run_1'])
    expect(await admitted).toEqual(['run_1'])
    await admission.idle()
    expect(admission.carried()).toEqual(['run_1'])
    expect(admission.close()).toBe(true)
  })

  it('begins nothing once it is closed', async () => {
    const admission = createRunAdmission()
    admission.close()
    let called = false
    const admitted = admission.admit(async () => {
      called = true
      return []
    })
    await expect(admitted).rejects.toEqual(stopping())
    expect(called).toBe(false)
  })

  it('carries nothing that could not be begun', async () => {
    const admission = createRunAdmission()
    await expect(admission.admit(() => Promise.reject(new Error('no')))).rejects.toEqual(new Error('no'))
    expect([admission.carried(), admission.close()]).toEqual([[], true])
  })
})
