import { execFile, spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'

const ROOT = resolve(import.meta.dirname, '../..')
const MODULES = join(ROOT, 'node_modules')
const run = promisify(execFile)

/** An empty project in which the packed package is installed, with the two example programs compiled against it. */
async function emptyProject(): Promise<string> {
  const project = await mkdtemp(join(tmpdir(), 'troupe-packed-'))
  onTestFinished(() => rm(project, { recursive: true, force: true }))
  const packed = await run('npm', ['pack', '--json', '--pack-destination', project], { cwd: ROOT })
  const [{ filename }] = JSON.parse(packed.stdout.slice(packed.stdout.indexOf('['))) as [{ filename: string }]
  const installed = join(project, 'node_modules', 'troupe')
  await mkdir(installed, { recursive: true })
  await run('tar', ['-xzf', join(project, filename), '-C', installed, '--strip-components=1'])
  // What it depends on is what is installed here already; types of Node are the project's own.
  await symlink(MODULES, join(installed, 'node_modules'))
  await symlink(join(MODULES, '@types'), join(project, 'node_modules', '@types'))
  for (const name of ['embedding.ts', 'watch-run.ts']) await cp(join(ROOT, 'examples', name), join(project, name))
  await writeFile(join(project, 'package.json'), JSON.stringify({ type: 'module' }))
  const options = { module: 'nodenext', target: 'es2023', strict: true, skipLibCheck: true, types: ['node'] }
  await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: options }))
  await run(join(MODULES, '.bin', 'tsc'), ['-p', project], { cwd: project })
  return project
}

/** Resolves with the first match in what a process prints. */
function printed(child: ReturnType<typeof spawn>, pattern: RegExp): Promise<string> {
  return new Promise((found, lost) => {
    let text = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      text += String(chunk)
      const match = pattern.exec(text)
      if (match) found(match[1] ?? match[0])
    })
    child.on('exit', (code) => lost(new Error(`It ended with ${code} and never said ${pattern}:\n${text}`)))
  })
}

describe('the packed package, in an empty project', () => {
  it('embeds, serves and is subscribed to', { timeout: 120_000 }, async () => {
    const project = await emptyProject()
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(CODEGEN_|TROUPE_)/.test(name)))
    const embedded = await run(process.execPath, ['embedding.js', 'embedded'], { cwd: project, env })
    expect(embedded.stdout.trimEnd().split('\n').at(-1)).toBe('security completed, speed completed, summary completed')

    const cli = join('node_modules', 'troupe', 'dist', 'cli', 'main.js')
    const server = spawn(process.execPath, [cli, 'serve', '--port', '0'], { cwd: project, env })
    onTestFinished(() => void server.kill('SIGKILL'))
    const url = await printed(server, /listening on (http:\S+)/)
    const workflow = { name: 'short', tasks: { only: { backend: 'simulated', prompt: 'Do it' } } }
    const body = JSON.stringify({ workflow, settings: { speed: 1000 } })
    const started = await fetch(`${url}/v1/runs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    const { run: id } = (await started.json()) as { run: string }
    const watched = await run(process.execPath, ['watch-run.js', url, id], { cwd: project, env })
    expect(watched).toEqual({ stdout: `${id} completed\n`, stderr: '' })

    const ended = new Promise((resolve) => server.once('exit', (code) => resolve(code)))
    server.kill('SIGTERM')
    expect(await ended).toBe(0)
  })
})
