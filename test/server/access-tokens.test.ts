import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/domain/errors.ts'
import { createAccessTokens, type ServerToken } from '../../src/server/access-tokens.ts'

const COMMAND: ServerToken = { name: 'ci', token: 'a-token-that-is-long-enough', access: 'command' }
const WATCH: ServerToken = { name: 'board', token: 'another-long-enough-token', access: 'watch' }

function refusal(tokens: readonly ServerToken[]): string {
  try {
    createAccessTokens(tokens)
  } catch (error) {
    if (error instanceof UsageError) return error.message
    throw error
  }
  throw new Error('They were taken.')
}

describe('the tokens of a server', () => {
  it('say who their owners are and what they may do', () => {
    const tokens = createAccessTokens([COMMAND, WATCH])
    expect([tokens.required, tokens.find(COMMAND.token), tokens.find(WATCH.token)]).toEqual([
      true,
      { who: 'ci', may: 'command', via: 'rest' },
      { who: 'board', may: 'watch', via: 'rest' },
    ])
  })

  it('are not known by a part, by more, or by nothing', () => {
    const tokens = createAccessTokens([COMMAND])
    const wrong = ['', COMMAND.token.slice(0, -1), `${COMMAND.token}x`, COMMAND.token.toUpperCase(), 'ci']
    expect(wrong.map((token) => tokens.find(token))).toEqual(wrong.map(() => undefined))
  })

  it('need not be shown where there are none', () => {
    expect(createAccessTokens([]).required).toEqual(false)
  })

  it('are refused when they are too short, doubled or cannot stand in a header, without being repeated', () => {
    const said = [
      refusal([{ ...COMMAND, token: 'short-token' }]),
      refusal([COMMAND, { ...WATCH, token: COMMAND.token }]),
      refusal([COMMAND, { ...WATCH, name: 'ci' }]),
      refusal([{ ...COMMAND, token: 'with a blank in the middle' }]),
      refusal([{ ...COMMAND, name: 'two words' }]),
    ]
    expect(said).toEqual([
      "The token 'ci' is too short: 16 characters are needed, 32 random ones are better.",
      'Two tokens are the same. Give each name a token of its own.',
      "Two tokens have the name 'ci'. Give each its own.",
      "The token 'ci' holds blanks or other characters that a header cannot carry, or is too long.",
      'The name of a token must be 1 to 64 letters, digits, _, -, . or @.',
    ])
  })
})
