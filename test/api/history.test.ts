import { describe, expect, it } from 'vitest'
import { History } from '../../src/api/history.ts'
import type { RunRecord } from '../../src/domain/record.ts'
import { record } from '../support/fake-orchestrator.ts'

function setUp() {
  const asked: unknown[][] = []
  const answers: ((records: readonly RunRecord[]) => void)[] = []
  const history = new History({
    records: (...question) => {
      asked.push(question)
      return new Promise((resolve) => answers.push(resolve))
    },
  })
  return { history, asked, answers }
}

describe('history that is read from the disk', () => {
  it('is read and serialised once for all who ask for the same at the same time', async () => {
    const { history, asked, answers } = setUp()
    const pages = [history.read('run_1', 3, 100, 5), history.read('run_1', 3, 100, 5)]
    answers[0]?.([record('run_1', 4), record('run_1', 5)])
    const [one, other] = await Promise.all(pages)
    expect([asked, one === other, JSON.parse(one?.text ?? '')]).toEqual([
      [['run_1', 3, 100]],
      true,
      [record('run_1', 4), record('run_1', 5)],
    ])
  })

  it('is read again for who asks when more is durable, or for something else, or later', async () => {
    const { history, asked, answers } = setUp()
    const first = history.read('run_1', 3, 100, 5)
    void history.read('run_1', 3, 100, 6)
    void history.read('run_2', 3, 100, 5)
    void history.read('run_1', 4, 100, 5)
    void history.read('run_1', 3, 50, 5)
    answers[0]?.([])
    await first
    void history.read('run_1', 3, 100, 5)
    expect(asked.length).toBe(6)
  })

  it('is asked for anew after it could not be read', async () => {
    let tries = 0
    const history = new History({
      records: async () => {
        if (tries++ === 0) throw new Error('damaged')
        return []
      },
    })
    await expect(history.read('run_1', 0, 1, 0)).rejects.toThrow('damaged')
    expect((await history.read('run_1', 0, 1, 0)).records).toEqual([])
  })
})
