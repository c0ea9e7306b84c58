import { describe, expect, it } from 'vitest'
import { chooseOption, describeCall, judge, type Verdict } from '../../../src/backends/acp/permission-policy.ts'
import { ToolCalls } from '../../../src/backends/acp/tool-calls.ts'
import { ASK, REJECT } from './conversation-world.ts'

const isInside = (path: string) => path.startsWith('/w/')

function call(said: Record<string, unknown>) {
  return new ToolCalls().note({ toolCallId: 't', title: 'it', ...said }).call
}

describe('what an agent may do', () => {
  const cases: readonly [string, Record<string, unknown>, Verdict][] = [
    ['reading, anywhere', { kind: 'read', locations: [{ path: '/etc/hosts' }] }, 'allow'],
    ['searching', { kind: 'search' }, 'allow'],
    ['thinking', { kind: 'think' }, 'allow'],
    ['an edit inside', { kind: 'edit', locations: [{ path: '/w/a' }] }, 'allow'],
    ['an edit outside', { kind: 'edit', locations: [{ path: '/x/a' }] }, 'reject'],
    [
      'an edit of one file inside and one outside',
      { kind: 'edit', locations: [{ path: '/w/a' }, { path: '/x' }] },
      'reject',
    ],
    [
      'a diff outside behind a place inside',
      { kind: 'edit', locations: [{ path: '/w/a' }], content: [{ type: 'diff', path: '/x' }] },
      'reject',
    ],
    [
      'an input that names a file outside',
      { kind: 'edit', locations: [{ path: '/w/a' }], rawInput: { file_path: '/x' } },
      'reject',
    ],
    ['changes as codex names them', { kind: 'edit', rawInput: { changes: { '/x/a': { type: 'add' } } } }, 'reject'],
    ['a move to a place outside', { kind: 'move', rawInput: { source: '/w/a', destination: '/x/a' } }, 'reject'],
    ['a removal inside', { kind: 'delete', rawInput: { path: '/w/a' } }, 'allow'],
    ['an edit of nobody knows what', { kind: 'edit' }, 'reject'],
    ['a command where it does not say where', { kind: 'execute', rawInput: { command: 'make' } }, 'allow'],
    ['a command inside', { kind: 'execute', rawInput: { command: 'make', cwd: '/w/sub' } }, 'allow'],
    ['a command outside', { kind: 'execute', rawInput: { command: 'make', cwd: '/x' } }, 'reject'],
    ['fetching', { kind: 'fetch' }, 'reject'],
    ['leaving its mode', { kind: 'switch_mode' }, 'reject'],
    ['what has no kind', {}, 'reject'],
    ['what has an unknown kind', { kind: 'teleport' }, 'reject'],
  ]
  it.each(cases)('%s', (_, said, verdict) => {
    expect(judge(call(said), { permissions: REJECT, isInside })).toBe(verdict)
    expect(judge(call(said), { permissions: ASK, isInside })).toBe(verdict === 'reject' ? 'ask' : verdict)
  })

  it('also holds what the workflow allows', () => {
    const permissions = { ...REJECT, allow: ['fetch'] }
    expect(judge(call({ kind: 'fetch' }), { permissions, isInside })).toBe('allow')
  })

  it('holds a command of an agent with a sandbox for a wish to leave that', () => {
    const execute = call({ kind: 'execute', title: 'npm install' })
    expect(judge(execute, { permissions: REJECT, isInside, sandboxed: true })).toBe('reject')
    expect(judge(execute, { permissions: ASK, isInside, sandboxed: true })).toBe('ask')
    const permissions = { ...REJECT, allow: ['execute'] }
    expect(judge(execute, { permissions, isInside, sandboxed: true })).toBe('allow')
  })

  it('judges a call by all that was said of it, not by the last word alone', () => {
    const calls = new ToolCalls()
    calls.note({ toolCallId: 't', kind: 'edit', title: 'Edit', locations: [{ path: '/x/a' }] })
    const { call: later } = calls.note({ toolCallId: 't', locations: [{ path: '/w/a' }] })
    expect(later).toMatchObject({ kind: 'edit', title: 'Edit', paths: ['/x/a', '/w/a'] })
    expect(judge(later, { permissions: REJECT, isInside })).toBe('reject')
  })

  it('is told in one line', () => {
    const said = {
      title: 'Edit a\nb',
      kind: 'edit',
      locations: [1, 2, 3, 4, 5, 6, 7].map((n) => ({ path: `/w/${n}` })),
    }
    expect(describeCall(call(said))).toBe('edit: Edit a b (/w/1, /w/2, /w/3, /w/4, /w/5 and 2 more)')
    expect(describeCall(call({ title: 'make', kind: 'execute', rawInput: { cwd: '/w' } }))).toBe('execute: make (/w)')
  })
})

describe('an answer', () => {
  const options = [
    { id: 'a', kind: 'allow_always' },
    { id: 'b', kind: 'reject_always' },
    { id: 'c', kind: 'reject_once' },
    { id: 'd', kind: 'allow_once' },
  ]
  it('is for this once where that is offered, else for always, else none', () => {
    expect([chooseOption(options, 'allow'), chooseOption(options, 'reject')]).toEqual(['d', 'c'])
    expect([chooseOption(options.slice(0, 2), 'allow'), chooseOption(options.slice(0, 2), 'reject')]).toEqual([
      'a',
      'b',
    ])
    expect([chooseOption([], 'allow'), chooseOption(options.slice(0, 1), 'reject')]).toEqual([undefined, undefined])
  })
})
