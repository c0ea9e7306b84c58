import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readTaskCommand } from '../../src/cli/task.ts'
import { UsageError } from '../../src/domain/errors.ts'
import { temporaryFolder } from '../support/control-socket.ts'

describe('what is typed after troupe task RUN TASK', () => {
  it.each([
    ['retry', undefined, {}, { type: 'retry' }],
    ['retry', undefined, { prompt: 'again' }, { type: 'retry', prompt: 'again' }],
    ['retry', undefined, { resolve: true }, { type: 'retry', resolve: true }],
    ['complete', undefined, {}, { type: 'complete', result: null }],
    ['complete', undefined, { result: '{"a":[1]}' }, { type: 'complete', result: { a: [1] } }],
    ['skip', undefined, {}, { type: 'skip' }],
    ['fail', undefined, { reason: 'no use' }, { type: 'fail', reason: 'no use' }],
    ['wait', undefined, {}, { type: 'wait' }],
    ['wait', '45m', {}, { type: 'wait', ms: 2_700_000 }],
    ['adopt', undefined, {}, { type: 'adopt' }],
    ['adopt', undefined, { attempt: '2' }, { type: 'adopt', attempt: 2 }],
    ['approve', undefined, {}, { type: 'approve' }],
    ['reject', undefined, {}, { type: 'reject' }],
    ['reject', undefined, { reason: 'too early' }, { type: 'reject', reason: 'too early' }],
    ['answer', undefined, { text: 'The old one' }, { type: 'answer', text: 'The old one' }],
    ['steer', undefined, { text: 'Mind the tests' }, { type: 'steer', text: 'Mind the tests' }],
    ['pause', undefined, {}, { type: 'pause' }],
    ['continue', undefined, {}, { type: 'continue' }],
    ['cancel', undefined, {}, { type: 'cancel' }],
  ] as const)('%s %s %j', async (action, duration, flags, command) => {
    expect(await readTaskCommand(action, duration, flags)).toEqual(command)
  })

  it('takes a result from a file', async () => {
    const file = join(await temporaryFolder(), 'result.json')
    await writeFile(file, '{"tasks": []}')
    expect(await readTaskCommand('complete', undefined, { result: `@${file}` })).toEqual({
      type: 'complete',
      result: { tasks: [] },
    })
  })

  it('takes what an agent is told from a file', async () => {
    const file = join(await temporaryFolder(), 'said.txt')
    await writeFile(file, 'Mind the tests\nand the docs')
    expect(await readTaskCommand('steer', undefined, { text: `@${file}` })).toEqual({
      type: 'steer',
      text: 'Mind the tests\nand the docs',
    })
  })

  it.each([
    ['answer', undefined, {}, /answer: say what, as in --text/],
    ['steer', undefined, { text: 'x'.repeat(8_193) }, /8192 bytes/],
    ['skip', undefined, { text: 'x' }, /--text belongs to 'answer' and 'steer', not to 'skip'/],
    ['approve', undefined, { reason: 'x' }, /--reason belongs to 'fail' and 'reject', not to 'approve'/],
    ['destroy', undefined, {}, /destroy.*retry, complete, skip, fail, wait, adopt, approve, reject, answer, steer/],
    ['skip', undefined, { prompt: 'x' }, /--prompt belongs to 'retry', not to 'skip'/],
    ['skip', undefined, { resolve: true }, /--resolve belongs to 'retry', not to 'skip'/],
    ['retry', undefined, { attempt: '1' }, /--attempt belongs to 'adopt', not to 'retry'/],
    ['adopt', undefined, { attempt: 'last' }, /--attempt last: write its number/],
    ['retry', '5m', {}, /'5m' belongs to 'wait'/],
    ['wait', 'soon', {}, /wait soon: write a number and a unit/],
    ['complete', undefined, { result: 'done' }, /--result done: no JSON/],
    ['complete', undefined, { result: '@/no/such/file' }, /\/no\/such\/file: cannot be read: there is no such file/],
  ] as const)('refuses %s %s %j and says what is right', async (action, duration, flags, message) => {
    const error = await readTaskCommand(action, duration, flags).catch((thrown: unknown) => thrown)
    expect([error instanceof UsageError, String(error)]).toEqual([true, expect.stringMatching(message)])
  })
})
