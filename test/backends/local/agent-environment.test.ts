import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { agentEnvironment, type EnvironmentOptions } from '../../../src/backends/local/agent-environment.ts'

const own = {
  PATH: '/own/bin',
  HOME: '/home/me',
  LANG: 'de_DE.UTF-8',
  XDG_CONFIG_HOME: '/home/me/cfg',
  https_proxy: 'http://p:1',
}
const GIT = {
  GIT_TERMINAL_PROMPT: '0',
  GIT_EDITOR: 'true',
  GIT_CONFIG_COUNT: '4',
  GIT_CONFIG_KEY_0: 'gc.auto',
  GIT_CONFIG_VALUE_0: '0',
  GIT_CONFIG_KEY_1: 'maintenance.auto',
  GIT_CONFIG_VALUE_1: 'false',
  GIT_CONFIG_KEY_2: 'commit.gpgSign',
  GIT_CONFIG_VALUE_2: 'false',
  GIT_CONFIG_KEY_3: 'tag.gpgSign',
  GIT_CONFIG_VALUE_3: 'false',
}
const ALWAYS = { ...GIT, TERM: 'dumb', NO_COLOR: '1' }

function build(options: Partial<EnvironmentOptions>): Record<string, string> {
  return agentEnvironment({ own, names: [], set: {}, marks: {}, ...options })
}

describe('agentEnvironment', () => {
  it('is built from nothing: what every program needs, and settings that keep git quiet', () => {
    const secrets = {
      CODEGEN_API_TOKEN: 'x',
      TROUPE_TOKEN: 'x',
      AWS_SECRET_ACCESS_KEY: 'x',
      CLAUDECODE: '1',
      TERM: 'xterm',
    }
    expect(build({ own: { ...own, ...secrets, LC_ALL: '', TZ: undefined } })).toEqual({ ...own, ...ALWAYS })
  })

  it('holds a PATH also where troupe has none', () => {
    expect(build({ own: {} })).toEqual({ ...ALWAYS, PATH: '/usr/local/bin:/usr/bin:/bin' })
  })

  it('holds what is asked for by name, where it is set', () => {
    const more = { ANTHROPIC_API_KEY: 'key', CODEGEN_API_TOKEN: 'token', TERM: 'xterm' }
    const names = ['ANTHROPIC_API_KEY', 'CODEGEN_API_TOKEN', 'TERM', 'NOT_SET']
    expect(build({ own: { ...own, ...more }, names })).toEqual({ ...own, ...ALWAYS, ...more })
  })

  it('never holds what would turn git to another tree, nor how troupe itself was started', () => {
    const git = { GIT_DIR: '/x', GIT_INDEX_FILE: '/x', GIT_WORK_TREE: '/x' }
    const names = [...Object.keys(git), 'NODE_OPTIONS']
    expect(build({ own: { ...own, ...git, NODE_OPTIONS: '--inspect' }, names, set: git })).toEqual({
      ...own,
      ...ALWAYS,
    })
    expect(build({ set: { NODE_OPTIONS: '--max-old-space-size=500' } })['NODE_OPTIONS']).toBe(
      '--max-old-space-size=500',
    )
  })

  it('lets what is set win over all but the marks', () => {
    const set = { PATH: '/set', NO_COLOR: '0', TROUPE_ATTEMPT: 'set' }
    const given = build({ set, marks: { TROUPE_ATTEMPT: 'run/task/1' } })
    expect(given).toEqual({ ...own, ...ALWAYS, PATH: '/set', NO_COLOR: '0', TROUPE_ATTEMPT: 'run/task/1' })
  })

  it("leads to nothing of the user's home from a home of its own, whose commits are troupe's", () => {
    const { XDG_CONFIG_HOME: _, ...rest } = own
    const troupe = { GIT_AUTHOR_NAME: 'troupe', GIT_AUTHOR_EMAIL: 'troupe@localhost' }
    const committer = { GIT_COMMITTER_NAME: 'troupe', GIT_COMMITTER_EMAIL: 'troupe@localhost' }
    expect(build({ home: '/private' })).toEqual({ ...rest, ...ALWAYS, HOME: '/private', ...troupe, ...committer })
  })

  it('names the author it is told, but the one of the environment before', () => {
    const identity = { name: 'Me', email: 'me@here' }
    const names = {
      GIT_AUTHOR_NAME: 'Me',
      GIT_AUTHOR_EMAIL: 'me@here',
      GIT_COMMITTER_NAME: 'Me',
      GIT_COMMITTER_EMAIL: 'me@here',
    }
    expect(build({ identity })).toEqual({ ...own, ...ALWAYS, ...names })
    expect(build({ own: { ...own, GIT_AUTHOR_NAME: 'You' }, identity })).toEqual({
      ...own,
      ...ALWAYS,
      ...names,
      GIT_AUTHOR_NAME: 'You',
    })
    expect(build({ own: { ...own, GIT_AUTHOR_NAME: 'You' } })).toEqual({ ...own, ...ALWAYS, GIT_AUTHOR_NAME: 'You' })
  })
})

describe('git in that environment', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'troupe-environment-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('commits without asking anybody, and never collects garbage by itself', () => {
    const env = build({ own: { PATH: process.env['PATH'] }, home: folder })
    const git = (...args: string[]) => execFileSync('git', ['-C', folder, ...args], { env, encoding: 'utf8' }).trim()
    git('init', '-q')
    git('config', 'commit.gpgSign', 'true')
    git('commit', '--allow-empty', '-q', '-m', 'first')
    git('commit', '--allow-empty', '-q', '--amend')
    expect(git('log', '--format=%an <%ae> %cn: %s')).toBe('troupe <troupe@localhost> troupe: first')
    expect(git('config', 'gc.auto')).toBe('0')
  })
})
