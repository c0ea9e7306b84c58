import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CommandLine } from '../domain/local-work.ts'

/** How a repository's work is checked, and what a fresh copy of it needs before. */
export interface FoundCheck {
  readonly check: CommandLine
  readonly setup?: CommandLine
  /** The file that told it. */
  readonly file: string
}

type Find = (text: (file: string) => Promise<string | undefined>) => Promise<FoundCheck | undefined>

/** What `npm init` writes. */
const NO_TEST = /no test specified/
const NODE_TOOLS: readonly (readonly [lock: string, program: string, setup: CommandLine])[] = [
  ['pnpm-lock.yaml', 'pnpm', ['pnpm', 'install', '--frozen-lockfile']],
  ['yarn.lock', 'yarn', ['yarn', 'install', '--frozen-lockfile']],
  ['package-lock.json', 'npm', ['npm', 'ci']],
]

const node: Find = async (text) => {
  const test = testScript(await text('package.json'))
  if (test === undefined) return undefined
  for (const [lock, program, setup] of NODE_TOOLS) {
    if ((await text(lock)) !== undefined) return { check: [program, 'test'], setup, file: 'package.json' }
  }
  return { check: ['npm', 'test'], file: 'package.json' }
}

const python: Find = async (text) => {
  for (const file of ['pyproject.toml', 'pytest.ini', 'setup.cfg', 'tox.ini']) {
    if (/pytest/.test((await text(file)) ?? '')) return { check: ['python3', '-m', 'pytest'], file }
  }
  return undefined
}

const make: Find = async (text) =>
  /^test\s*:/m.test((await text('Makefile')) ?? '') ? { check: ['make', 'test'], file: 'Makefile' } : undefined

/** The first that fits is taken. */
const WAYS: readonly Find[] = [
  node,
  byFile('Cargo.toml', ['cargo', 'test']),
  byFile('go.mod', ['go', 'test', './...']),
  python,
  byFile('pom.xml', ['mvn', '-q', 'test']),
  byFile('gradlew', ['./gradlew', 'test']),
  make,
]

/** How the repository in `folder` is tested, by the files that are there; undefined where none of them tells it. */
export async function findCheck(folder: string): Promise<FoundCheck | undefined> {
  const text = (file: string) => readFile(join(folder, file), 'utf8').catch(() => undefined)
  for (const find of WAYS) {
    const found = await find(text)
    if (found !== undefined) return found
  }
  return undefined
}

function byFile(file: string, check: CommandLine): Find {
  return async (text) => ((await text(file)) === undefined ? undefined : { check, file })
}

function testScript(text: string | undefined): string | undefined {
  try {
    const { scripts } = JSON.parse(text ?? '') as { readonly scripts?: { readonly test?: unknown } }
    return typeof scripts?.test === 'string' && !NO_TEST.test(scripts.test) ? scripts.test : undefined
  } catch {
    return undefined
  }
}
