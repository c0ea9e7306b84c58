import { spawnSync } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../..')
/** Below the root, so that the compiled command line finds its package.json where it always is. */
const OUT = resolve(ROOT, `dist-test-${process.pid}`)

/**
 * Compiles the command line once for all tests of real processes: each would otherwise spend its time on compiling. Types are checked
 * by `npm run typecheck`.
 */
export function setup(): () => void {
  rmSync(OUT, { recursive: true, force: true })
  const tsc = resolve(ROOT, 'node_modules/.bin/tsc')
  const { status, stdout } = spawnSync(
    tsc,
    ['-p', 'tsconfig.build.json', '--outDir', OUT, '--declaration', 'false', '--noCheck'],
    {
      cwd: ROOT,
      encoding: 'utf8',
    },
  )
  if (status !== 0) throw new Error(`The command line does not compile:\n${stdout}`)
  cpSync(resolve(ROOT, 'src/server/assets'), resolve(OUT, 'server/assets'), { recursive: true })
  // Read by test/e2e/command-line.ts; each test run has its own.
  process.env['TROUPE_TEST_CLI'] = resolve(OUT, 'cli/main.js')
  return () => rmSync(OUT, { recursive: true, force: true })
}
