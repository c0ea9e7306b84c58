import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Answer, outcomeOf, serveApi } from '../support/api-fixture.ts'
import { temporaryFolder } from '../support/control-socket.ts'

const TEXT =
  'name: hello\ninputs: { who: { type: string, required: true }, times: { type: integer } }\ntasks:\n  greet: { backend: simulated, prompt: "Say {{ inputs.who }}" }\n'
const DEFINITION = {
  name: 'hello',
  inputs: { who: { type: 'string', required: true }, times: { type: 'integer' } },
  tasks: { greet: { backend: 'simulated', prompt: 'Say {{ inputs.who }}' } },
}

const detailsOf = ({ body }: Answer) => (body as { details: unknown }).details
const messageOf = ({ body }: Answer) => String((body as { message: unknown }).message)

async function folderWith(files: Readonly<Record<string, string>>) {
  const folder = join(await temporaryFolder(), 'workflows')
  await mkdir(join(folder, 'sub'), { recursive: true })
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  return folder
}

describe('starting a run', () => {
  it.each([
    ['an object', DEFINITION],
    ['YAML', TEXT],
    ['JSON', JSON.stringify(DEFINITION)],
  ])('takes a workflow as %s, with inputs of their own types and settings', async (_what, workflow) => {
    const { ask, orchestrator, admission } = serveApi()
    const settings = {
      backend: 'simulated',
      limits: { 'codegen.create': 'none' },
      graceMs: 0,
      speed: 60,
      seed: 7,
      yes: true,
    }
    const answer = await ask('POST', '/v1/runs', { json: { workflow, inputs: { who: 'Ada', times: 2 }, settings } })
    expect([answer.status, answer.body]).toEqual([201, { run: 'run_00000001' }])
    expect(answer.headers.get('location')).toBe('/v1/runs/run_00000001')
    expect(orchestrator.calls).toEqual([['start', 'hello', { who: 'Ada', times: 2 }, settings]])
    expect(admission.carried()).toEqual(['run_00000001'])
  })

  it('lets local agents work in the folder of the server, and lets nobody from elsewhere choose one', async () => {
    const { ask, orchestrator } = serveApi({ allowLocal: true })
    const workflow = { name: 'local', tasks: { a: { backend: 'acp:claude', prompt: 'x' } } }
    const chosen = await ask('POST', '/v1/runs', { json: { workflow, settings: { directory: '/etc' } } })
    expect(outcomeOf(chosen)).toEqual([400, 'usage'])
    await ask('POST', '/v1/runs', { json: { workflow } })
    expect(orchestrator.calls).toEqual([['start', 'local', {}, { directory: process.cwd() }]])
  })

  it('moves no run to local agents unless the server lets it', async () => {
    const json = { workflow: TEXT, inputs: { who: 'Ada' }, settings: { backend: 'command:claude' } }
    const refused = serveApi()
    expect(outcomeOf(await refused.ask('POST', '/v1/runs', { json }))).toEqual([400, 'usage'])
    const resumed = await refused.ask('POST', '/v1/runs/resume', { json: { settings: json.settings } })
    expect([outcomeOf(resumed), refused.orchestrator.calls]).toEqual([[400, 'usage'], []])
    const allowed = serveApi({ allowLocal: true })
    expect((await allowed.ask('POST', '/v1/runs', { json })).status).toBe(201)
  })

  it('says where the mistakes of a text are', async () => {
    const { ask } = serveApi()
    const answer = await ask('POST', '/v1/runs', { json: { workflow: 'name: a\ntasks:\n  b: { promt: c }\n' } })
    expect(outcomeOf(answer)).toEqual([422, 'workflow-invalid'])
    expect(detailsOf(answer)).toEqual({
      problems: [
        { file: '<workflow>', line: 3, column: 3, message: expect.stringContaining('tasks.b') },
        { file: '<workflow>', line: 3, column: 8, message: expect.stringContaining('promt') },
      ],
    })
  })

  it('names the path of each mistake of an object', async () => {
    const { ask } = serveApi()
    const workflow = { name: 'a', tasks: { b: { prompt: 'c', backend: 'simulated', needs: ['d'] } } }
    const answer = await ask('POST', '/v1/runs', { json: { workflow } })
    expect(detailsOf(answer)).toEqual({
      problems: [{ file: '<workflow>', line: 0, column: 0, message: expect.stringMatching(/^tasks\.b\.needs\[0\]/) }],
    })
  })

  it.each([
    [
      'an alias bomb',
      `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghi'
        .split('')
        .map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[i]}`)}]`)
        .join('\n')}`,
    ],
    ['deep nesting', `a: ${'['.repeat(10_000)}`],
    ['no mapping', '- a'],
    ['a file of 5 MB', `name: ${'x'.repeat(5 * 1024 * 1024)}`],
    ['nothing', ''],
  ])('refuses a text that is %s as a workflow', async (_what, workflow) => {
    const { ask, orchestrator } = serveApi()
    expect(outcomeOf(await ask('POST', '/v1/runs', { json: { workflow } }))).toEqual([422, 'workflow-invalid'])
    expect(orchestrator.calls).toEqual([])
  })

  it.each([
    ['no workflow', {}],
    ['two workflows', { workflow: TEXT, file: 'a.yaml' }],
    ['a list', []],
    ['a number as a workflow', { workflow: 5 }],
    ['an unknown key', { workflow: TEXT, input: {} }],
    ['an unknown setting', { workflow: TEXT, settings: { turbo: true } }],
    ['an unknown backend', { workflow: TEXT, settings: { backend: 'mine' } }],
    ['an unknown limit', { workflow: TEXT, settings: { limits: { 'codegen.x': 'none' } } }],
    ['a limit of another shape', { workflow: TEXT, settings: { limits: { 'codegen.create': 5 } } }],
    ['a missing input', { workflow: TEXT }],
    [
      'a thousand and one inputs',
      { workflow: TEXT, inputs: Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`i${i}`, 1])) },
    ],
    ['an unknown input', { workflow: TEXT, inputs: { who: 'Ada', whom: 'x' } }],
    ['an input of another type', { workflow: TEXT, inputs: { who: 'Ada', times: [2] } }],
    ['what only the owner may send', { resolved: {}, inputs: {}, settings: {} }],
  ])('refuses %s', async (_what, json) => {
    const { ask, orchestrator } = serveApi()
    expect(outcomeOf(await ask('POST', '/v1/runs', { json }))).toEqual([400, 'usage'])
    expect(orchestrator.calls).toEqual([])
  })

  it('is refused once the process ends', async () => {
    const { ask, admission } = serveApi()
    admission.refuse()
    const answer = await ask('POST', '/v1/runs', { json: { workflow: TEXT, inputs: { who: 'Ada' } } })
    expect(outcomeOf(answer)).toEqual([503, 'stopping'])
  })
})

describe('a posted workflow', () => {
  const image = 'data:image/png;base64,AAAA'

  it('may hold images as data URIs', async () => {
    const { ask } = serveApi()
    const workflow = { name: 'a', tasks: { b: { backend: 'simulated', prompt: 'c', images: [image] } } }
    expect((await ask('POST', '/v1/runs', { json: { workflow } })).status).toBe(201)
  })

  it('cannot make the server read its own files, and says where it tried', async () => {
    const { ask, orchestrator } = serveApi()
    const workflow = `name: a\ndefaults: { backend: simulated, images: [/etc/x.png] }\ntasks:\n  b: { prompt: c }\n  d: { prompt: c, images: ["${image}", x.png] }\n`
    const answer = await ask('POST', '/v1/runs', { json: { workflow } })
    expect(outcomeOf(answer)).toEqual([422, 'workflow-invalid'])
    const message = 'is a file; a workflow that is sent may only hold data URIs'
    expect(detailsOf(answer)).toEqual({
      problems: [
        { file: '<workflow>', line: 2, column: 42, message: `defaults.images[0]: ${message}` },
        { file: '<workflow>', line: 5, column: 58, message: `tasks.d.images[1]: ${message}` },
      ],
    })
    expect(orchestrator.calls).toEqual([])
  })

  it('cannot do so as an object either', async () => {
    const { ask } = serveApi()
    const workflow = { name: 'a', tasks: { b: { backend: 'simulated', prompt: 'c', images: ['data/x.png'] } } }
    expect(outcomeOf(await ask('POST', '/v1/runs', { json: { workflow } }))).toEqual([422, 'workflow-invalid'])
  })

  it('of 10,000 tasks is taken, and a larger one refused before it is checked', async () => {
    const { ask, orchestrator } = serveApi()
    const ofTasks = (count: number) => {
      const tasks = Array.from({ length: count }, (_, i) => [
        `t${i}`,
        { prompt: 'p', ...(i > 0 ? { needs: [`t${i - 1}`] } : {}) },
      ])
      return { name: 'large', defaults: { backend: 'simulated' }, tasks: Object.fromEntries(tasks) }
    }
    expect((await ask('POST', '/v1/runs', { json: { workflow: ofTasks(10_000) } })).status).toBe(201)
    const answer = await ask('POST', '/v1/runs', { json: { workflow: ofTasks(10_001) } })
    expect(detailsOf(answer)).toEqual({
      problems: [
        { file: '<workflow>', line: 0, column: 0, message: 'tasks: has 10001 tasks; a server takes at most 10000' },
      ],
    })
    expect(orchestrator.calls).toHaveLength(1)
  })

  it('with a thousand mistakes is answered with some of them and the number of the others', async () => {
    const { ask } = serveApi()
    const wrong = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`k${i}`, 1]))
    const answer = await ask('POST', '/v1/runs', { json: { workflow: { ...DEFINITION, ...wrong } } })
    const { problems } = detailsOf(answer) as { problems: readonly { message: string }[] }
    expect([problems.length, problems.at(-1)?.message]).toEqual([201, 'and 800 mistakes more'])
  })
})

describe('a run of a named file', () => {
  const json = { file: 'hello.yaml', inputs: { who: 'Ada' } }

  it('takes the file from the folder, whose own images may be files', async () => {
    const workflows = await folderWith({
      'hello.yaml': TEXT,
      'sub/other.json': JSON.stringify({ ...DEFINITION, defaults: { images: ['x.png'] } }),
      'sub/x.png': 'PNG',
    })
    const { ask, orchestrator } = serveApi({ workflows })
    expect((await ask('POST', '/v1/runs', { json })).status).toBe(201)
    expect((await ask('POST', '/v1/runs', { json: { ...json, file: 'sub/other.json' } })).status).toBe(201)
    expect(orchestrator.calls.map(([, name]) => name)).toEqual(['hello', 'hello'])
  })

  it('is refused when an image beside the file cannot be sent', async () => {
    const text = JSON.stringify({ ...DEFINITION, defaults: { images: ['x.png'] } })
    const { ask } = serveApi({ workflows: await folderWith({ 'hello.json': text, 'sub/x.png': 'PNG' }) })
    const answer = await ask('POST', '/v1/runs', { json: { ...json, file: 'hello.json' } })
    const message = "defaults.images[0]: 'x.png' cannot be sent: there is no such file"
    expect(detailsOf(answer)).toEqual({ problems: [expect.objectContaining({ file: 'hello.json', message })] })
  })

  it('names the file in its mistakes', async () => {
    const { ask } = serveApi({ workflows: await folderWith({ 'hello.yaml': 'name: a\n' }) })
    const answer = await ask('POST', '/v1/runs', { json })
    expect(detailsOf(answer)).toEqual({ problems: [expect.objectContaining({ file: 'hello.yaml', line: 1 })] })
  })

  it.each([
    'no.yaml',
    '../secret.yaml',
    'sub/../../secret.yaml',
    './hello.yaml',
    'sub',
    '.hidden.yaml',
    'notes.txt',
    'link.yaml',
    'sub\\x.yaml',
    'a\0.yaml',
    'pipes/',
    'folder.yaml',
  ])('answers %j with what there is, whether or not it exists', async (file) => {
    const workflows = await folderWith({
      'hello.yaml': TEXT,
      '.hidden.yaml': TEXT,
      'notes.txt': 'x',
      '../secret.yaml': TEXT,
    })
    await symlink('../secret.yaml', join(workflows, 'link.yaml'))
    await mkdir(join(workflows, 'folder.yaml'))
    const { ask } = serveApi({ workflows })
    const answer = await ask('POST', '/v1/runs', { json: { ...json, file } })
    expect(outcomeOf(answer)).toEqual([404, 'not-found'])
    if (file !== 'folder.yaml') expect(messageOf(answer)).toContain('There is: hello.yaml.')
  })

  it('is refused by its absolute name', async () => {
    const workflows = await folderWith({ 'hello.yaml': TEXT })
    const { ask } = serveApi({ workflows })
    const answer = await ask('POST', '/v1/runs', { json: { ...json, file: join(workflows, 'hello.yaml') } })
    expect(outcomeOf(answer)).toEqual([404, 'not-found'])
  })

  it('is refused when the file is too large, or there is no folder', async () => {
    const workflows = await folderWith({ 'hello.yaml': `${TEXT}# ${'x'.repeat(4 * 1024 * 1024)}` })
    expect(outcomeOf(await serveApi({ workflows }).ask('POST', '/v1/runs', { json }))).toEqual([400, 'usage'])
    const answer = await serveApi().ask('POST', '/v1/runs', { json })
    expect(messageOf(answer)).toContain('post the workflow itself')
  })

  it('can be found in a list of the files inside the folder', async () => {
    const workflows = await folderWith({
      'b.yml': TEXT,
      'a.yaml': TEXT,
      'sub/c.json': '{}',
      'notes.txt': 'x',
      '../out.yaml': TEXT,
    })
    await symlink('../out.yaml', join(workflows, 'out.yaml'))
    await symlink('a.yaml', join(workflows, 'same.yaml'))
    await symlink('..', join(workflows, 'up'))
    const { body } = await serveApi({ workflows }).ask('GET', '/v1/workflows')
    expect(body).toEqual({ workflows: ['a.yaml', 'b.yml', 'same.yaml', 'sub/c.json'].map((file) => ({ file })) })
    expect((await serveApi().ask('GET', '/v1/workflows')).body).toEqual({ workflows: [] })
  })
})

describe('an idempotency key', () => {
  const headers = { 'idempotency-key': 'k-1' }
  const json = { workflow: TEXT, inputs: { who: 'Ada', times: 2 } }

  it('starts one run, however often it is sent', async () => {
    const { ask, orchestrator } = serveApi()
    const first = await ask('POST', '/v1/runs', { json, headers })
    // The order of keys does not make another request.
    const again = await ask('POST', '/v1/runs', { json: { inputs: { times: 2, who: 'Ada' }, workflow: TEXT }, headers })
    expect([first.status, again.status, again.body]).toEqual([201, 200, first.body])
    expect([first.headers.get('idempotency-replayed'), again.headers.get('idempotency-replayed')]).toEqual([
      null,
      'true',
    ])
    expect(again.headers.get('location')).toBe('/v1/runs/run_00000001')
    expect(orchestrator.calls).toHaveLength(1)
  })

  it('starts one run when it is sent twice at the same moment', async () => {
    const { ask, orchestrator } = serveApi()
    const answers = await Promise.all([1, 2, 3].map(() => ask('POST', '/v1/runs', { json, headers })))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 201])
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1)
    expect(orchestrator.calls).toHaveLength(1)
  })

  it('is no hindrance after a start that failed', async () => {
    const { ask } = serveApi()
    const failing = ask('POST', '/v1/runs', { json: { ...json, inputs: {} }, headers })
    const answers = await Promise.all([failing, ask('POST', '/v1/runs', { json, headers })])
    expect(answers.map(({ status }) => status)).toEqual([400, 201])
  })

  it('is refused for another request, and tells which run it started', async () => {
    const { ask } = serveApi()
    await ask('POST', '/v1/runs', { json, headers })
    const answer = await ask('POST', '/v1/runs', { json: { ...json, inputs: { who: 'Bob', times: 2 } }, headers })
    expect(outcomeOf(answer)).toEqual([422, 'idempotency-conflict'])
    expect(detailsOf(answer)).toEqual({ key: 'k-1', run: 'run_00000001' })
  })

  it('is answered with its run also when the process ends, and when the file has changed since', async () => {
    const workflows = await folderWith({ 'hello.yaml': TEXT })
    const { ask, admission } = serveApi({ workflows })
    const question = { json: { file: 'hello.yaml', inputs: { who: 'Ada' } }, headers }
    await ask('POST', '/v1/runs', question)
    await writeFile(join(workflows, 'hello.yaml'), 'broken')
    admission.refuse()
    expect((await ask('POST', '/v1/runs', question)).status).toBe(200)
  })

  it.each(['', 'a b', 'é', 'x'.repeat(201)])('%j is none', async (key) => {
    const { ask } = serveApi()
    const answer = await ask('POST', '/v1/runs', { json, headers: { 'idempotency-key': key } })
    expect(outcomeOf(answer)).toEqual([400, 'usage'])
  })
})
