import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const SRC = resolve(import.meta.dirname, '../src')

/** The levels of the house, lowest first; a file may import from lower levels and from its own part. */
const LEVELS: readonly (readonly string[])[] = [
  ['domain'],
  ['workflow', 'machines'],
  ['actors', 'limits', 'host', 'backends'],
  ['composition'],
  ['api'],
  ['server'],
  ['client', 'door'],
  ['cli'],
]
/** Files of src/ itself: what composes the parts, and the ways in that need the API. */
const DOORS = new Set(['hold-folder.ts', 'create-orchestrator.ts', 'index.ts', 'server.ts'])
/** What each part may use of libraries and of Node. */
const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  workflow: ['ajv', 'liquidjs', 'yaml', 'zod'],
  machines: ['xstate'],
  actors: ['zod'],
  limits: ['node:'],
  host: ['xstate', 'lowdb', 'node:'],
  backends: ['@agentclientprotocol/sdk', 'ky', 'p-limit', 'zod', 'hono', 'node:'],
  composition: ['@xstate/store', 'node:'],
  api: ['zod', 'hono', '@hono/node-server', 'ws', 'node:'],
  server: ['hono', '@hono/node-server', 'ws', 'zod', 'pino', 'prom-client', 'node:'],
  client: ['ws', 'node:'],
  door: ['@hono/node-server', 'node:'],
  cli: ['commander', 'log-update', '@hono/node-server', 'yaml', 'zod', 'node:'],
}
const LONGEST_FILE = 320
const LONGEST_MACHINE = 440

interface Import {
  readonly file: string
  readonly target: string
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
const sources = new Map(files.map((file) => [file, readFileSync(join(SRC, file), 'utf8')]))

function partOf(file: string): string {
  const slash = file.indexOf('/')
  if (slash >= 0) return file.slice(0, slash)
  return DOORS.has(file) ? 'door' : 'composition'
}

function importsOf(file: string): Import[] {
  const text = (sources.get(file) ?? '').replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '')
  const found = text.matchAll(/(?:^|\n)\s*(?:import|export)\s(?:[^'"]*?\sfrom\s)?'([^']+)'|import\('([^']+)'\)/g)
  return [...found].map((match) => ({ file, target: match[1] ?? match[2] ?? '' }))
}

function levelOf(part: string): number {
  return LEVELS.findIndex((level) => level.includes(part))
}

const all = files.flatMap(importsOf)
const inner = all
  .filter(({ target }) => target.startsWith('.'))
  .map(({ file, target }) => ({ file, target: relative(SRC, resolve(SRC, dirname(file), target)) }))
const outer = all.filter(({ target }) => !target.startsWith('.'))

describe('the architecture', () => {
  it('knows the level of every part', () => {
    expect(files.map(partOf).filter((part) => levelOf(part) < 0)).toEqual([])
  })

  it('lets imports point down only, and never across', () => {
    const wrong = inner.filter(({ file, target }) => {
      const [from, to] = [partOf(file), partOf(target)]
      return from !== to && levelOf(to) >= levelOf(from)
    })
    expect(wrong).toEqual([])
  })

  it('gives each part its libraries and no others', () => {
    const wrong = outer.filter(({ file, target }) => {
      const allowed = LIBRARIES[partOf(file)] ?? []
      return !allowed.some((name) => target === name || target.startsWith(name.endsWith(':') ? name : `${name}/`))
    })
    expect(wrong).toEqual([])
  })

  it('keeps the machines pure: domain and xstate alone', () => {
    const wrong = inner.filter(
      ({ file, target }) => partOf(file) === 'machines' && !['machines', 'domain'].includes(partOf(target)),
    )
    expect(wrong).toEqual([])
  })

  it('takes time and chance from the clock and the seed alone', () => {
    const own = new Set(['host/clock.ts', 'cli/process-context.ts', 'backends/local/orphan-guard.ts'])
    const wrong = files.filter((file) => {
      const text = (sources.get(file) ?? '').replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '')
      return (
        !own.has(file) &&
        /Date\.now\(|new Date\(\)|Math\.random\(|performance\.now\(|(?<![.\w])(?:setTimeout|setInterval)\((?!fn: )/.test(
          text,
        )
      )
    })
    expect(wrong).toEqual([])
  })

  it('holds no file past its size', () => {
    const long = files.filter((file) => {
      const lines = (sources.get(file) ?? '').split('\n').length
      return lines > (file.endsWith('-machine.ts') ? LONGEST_MACHINE : LONGEST_FILE)
    })
    expect(long).toEqual([])
  })

  it('has no type holes', () => {
    const wrong = files.filter((file) =>
      /\bas any\b|: any\b|<any>|@ts-(ignore|expect-error|nocheck)/.test(sources.get(file) ?? ''),
    )
    expect(wrong).toEqual([])
  })

  it('names only tests that exist, by file and by title', () => {
    const page = readFileSync(resolve(SRC, '../ARCHITECTURE.md'), 'utf8')
    const named = [...page.matchAll(/`([\w/-]+\.test\.ts)`(?:\s"([^"]+)")?/g)]
    const wrong = named.filter(([, file = '', title = '']) => {
      const path = resolve(import.meta.dirname, file.replace(/^test\//, ''))
      return !existsSync(path) || !readFileSync(path, 'utf8').includes(title.replace(/\s+/g, ' '))
    })
    expect(named.length).toBeGreaterThan(12)
    expect(wrong.map(([words]) => words)).toEqual([])
  })
})
