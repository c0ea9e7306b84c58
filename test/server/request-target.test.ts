import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/domain/errors.ts'
import { readTarget } from '../../src/server/request-target.ts'

describe('the target of a request', () => {
  it('is a path and a query', () => {
    const { path, query } = readTarget('/v1/runs/run_1/tasks/execute%5B0%5D?limit=5')
    expect([path, [...query]]).toEqual(['/v1/runs/run_1/tasks/execute%5B0%5D', [['limit', '5']]])
  })

  it.each([
    ['an absolute form', 'http://evil.example/v1/runs'],
    ['another host in disguise', '//evil.example/v1/runs'],
    ['the whole server', '*'],
    ['nothing', ''],
    ['a folder above', '/machines/../../etc/passwd'],
    ['a folder above, encoded', '/machines/%2e%2E/%2e./etc/passwd'],
    ['the folder itself', '/machines/./x'],
    ['an encoded slash', '/v1/runs%2f..%2f'],
    ['a backslash', '/machines\\..\\x'],
    ['an encoded backslash', '/machines/%5C..'],
    ['a NUL', '/machines/x%00.html'],
    ['a broken escape', '/v1/runs/%zz'],
    ['an escape that is cut', '/v1/runs/%2'],
    ['a control character', '/v1/\u0001runs'],
    ['a fragment', '/v1/runs#x'],
    ['more than a path can be', `/${'a'.repeat(9000)}`],
  ])('is refused when it names %s', (_what, url) => {
    expect(() => readTarget(url)).toThrow(UsageError)
  })

  it.each(['token', 'access_token', 'api_key'])('is refused with a hint when its query holds %s', (name) => {
    expect(() => readTarget(`/v1/runs?${name}=sesame-open-1234567`)).toThrow(
      /^A token has no place in a URL, .* Authorization: Bearer TOKEN; .* POST \/v1\/tickets/,
    )
  })
})
