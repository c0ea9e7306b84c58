import { expect, it } from 'vitest'
import { continuationText } from '../../../src/backends/local/continuation.ts'

it('tells an agent that was interrupted that nobody rejected what its conversation shows as rejected', () => {
  expect(continuationText('Write it.', 'troupe')).toBe(
    [
      'You were interrupted in the middle of this turn: what ran was stopped, your files are as you left them. Nobody rejected anything: a call that reads as rejected or aborted by the user was only cut short. Look first at what is done already in your current folder, and say so in a sentence. Then carry on where you were, and do nothing twice. What was asked of you, in full:',
      'Write it.',
    ].join('\n\n'),
  )
})
