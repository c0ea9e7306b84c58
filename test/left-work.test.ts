import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createOrchestrator } from '../src/create-orchestrator.ts'
import { defineWorkflow } from '../src/workflow/define.ts'
import { temporaryFolder } from './host/temporary-folder.ts'

const REPORT = JSON.stringify({ status: 'completed', task_id: 'only', turn: 1, result: {}, metrics: {} })
const AGENT = `cat > /dev/null; echo one > one.txt; printf '\`\`\`json\\n%s\\n\`\`\`\\n' '${REPORT}'`

/** A repository, and an orchestrator of its data folder as often as it is asked for. */
async function world() {
  const folder = await temporaryFolder()
  const repository = join(folder, 'shop')
  const dataDir = join(folder, 'data')
  mkdirSync(repository)
  const git = (...args: string[]) => execFileSync('git', ['-C', repository, ...args], { encoding: 'utf8' }).trim()
  git('init', '-q', '-b', 'main')
  git('-c', 'user.name=p', '-c', 'user.email=p@localhost', 'commit', '-q', '--allow-empty', '-m', 'first')
  const agents = { command: { shell: { program: 'sh', args: ['-c', AGENT] } }, acp: {} }
  const options = { dataDir, workDir: join(folder, 'work'), agents, env: { PATH: process.env['PATH'], HOME: folder } }
  return { repository, dataDir, git, orchestrator: () => createOrchestrator(options) }
}

it('lets go the worktree of a run that ended together with its process, when the folder goes on', async () => {
  const { repository, dataDir, git, orchestrator } = await world()
  const first = await orchestrator()
  const tasks = { only: { prompt: 'Do it.', backend: 'command:shell' as const, repository } }
  const run = await first.start(defineWorkflow({ name: 'one task', tasks }), {}, {})
  expect((await first.settled(run)).status).toBe('completed')
  await first.close()
  const notes = join(dataDir, 'runs', run, 'local', 'only.1', 'notes.ndjson')
  const whole = readFileSync(notes, 'utf8').trimEnd().split('\n')
  const path = String(JSON.parse(whole.find((line) => line.includes('"fact":"workspace"')) ?? '{}').worktree.path)
  // As if it had been killed before it let go.
  writeFileSync(notes, `${whole.slice(0, -1).join('\n')}\n`)
  git('worktree', 'add', '-q', '--lock', path, `troupe/${run}/only/1`)
  const second = await orchestrator()
  expect(await second.resume()).toEqual([])
  await second.close()
  expect([existsSync(path), git('worktree', 'list').split('\n').length]).toEqual([false, 1])
  expect(readFileSync(notes, 'utf8').trimEnd().split('\n').at(-1)).toContain('"fact":"released"')
  expect(git('show', `troupe/${run}/only/1:one.txt`)).toBe('one')
})
