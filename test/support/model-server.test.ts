import { expect, it, onTestFinished } from 'vitest'
import type { Json } from '../../src/domain/json.ts'
import { type ModelServer, type ModelServerOptions, startModelServer } from './model-server/model-server.ts'
import type { Script } from './model-server/script.ts'

/** A tool call that the model has asked for. */
interface Call {
  readonly id: string
  readonly name: string
  readonly input: unknown
}

/** What the model has answered. */
interface Answer {
  readonly text: string
  readonly calls: readonly Call[]
  readonly usage: readonly [input: number, output: number]
}

/** An agent of one provider: what it says next, and what it was answered. Its conversation can be gone on with at another server. */
interface FakeAgent {
  url: string
  say(text: string): void
  result(call: Call, text: string): void
  ask(extra?: object): Promise<Response>
  next(): Promise<Answer>
}

interface Event {
  readonly type: string
  readonly [key: string]: unknown
}

async function eventsOf(response: Response): Promise<Event[]> {
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
  const lines = (await response.text()).split('\n').filter((line) => line.startsWith('data: '))
  return lines.map((line) => JSON.parse(line.slice(6)))
}

function post(url: string, body: Json | object): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
}

function claude(url: string): FakeAgent {
  const messages: object[] = []
  const system = [{ type: 'text', text: 'You work.\n - Primary working directory: /work\n' }]
  const agent: FakeAgent = {
    url,
    say: (text) => messages.push({ role: 'user', content: [{ type: 'text', text }] }),
    result: ({ id }, text) =>
      messages.push({
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: id, content: text, is_error: text.startsWith('<tool_use_error>') },
        ],
      }),
    ask: (extra = {}) =>
      post(`${agent.url}/v1/messages?beta=true`, {
        ...{ model: 'm', stream: true, system, messages, tools: [{ name: 'Bash' }, { name: 'Write' }] },
        ...extra,
      }),
    async next() {
      const events = (await eventsOf(await agent.ask())) as {
        type: string
        message?: { usage: { input_tokens: number } }
        content_block?: { type: string; id: string; name: string }
        delta?: { text?: string; partial_json?: string }
        usage?: { output_tokens: number }
      }[]
      const blocks = events.flatMap(({ content_block }) => (content_block ? [content_block] : []))
      const inputs = events.flatMap(({ delta }) => (delta?.partial_json ? [JSON.parse(delta.partial_json)] : []))
      const calls = blocks
        .filter(({ type }) => type === 'tool_use')
        .map(({ id, name }, at) => ({ id, name, input: inputs[at] }))
      const text = events.map(({ delta }) => delta?.text ?? '').join('')
      const content = calls.map(({ id, name, input }) => ({ type: 'tool_use', id, name, input }))
      messages.push({ role: 'assistant', content: [...(text ? [{ type: 'text', text }] : []), ...content] })
      const input = events[0]?.message?.usage.input_tokens ?? 0
      return { text, calls, usage: [input, events.at(-2)?.usage?.output_tokens ?? 0] }
    },
  }
  return agent
}

interface Item {
  readonly type: string
  readonly call_id: string
  readonly name: string
  readonly input?: string
  readonly arguments?: string
  readonly content?: readonly { readonly text: string }[]
}

function codex(url: string): FakeAgent {
  const input: object[] = [
    { type: 'message', role: 'user', content: [{ type: 'input_text', text: '<cwd>/work</cwd>' }] },
  ]
  const tools = [
    { type: 'function', name: 'exec_command' },
    { type: 'custom', name: 'apply_patch' },
  ]
  const agent: FakeAgent = {
    url,
    say: (text) => input.push({ type: 'message', role: 'user', content: [{ type: 'input_text', text }] }),
    result: ({ id }, output) => input.push({ type: 'function_call_output', call_id: id, output }),
    ask: (extra = {}) => post(`${agent.url}/v1/responses`, { model: 'm', stream: true, tools, input, ...extra }),
    async next() {
      const events = await eventsOf(await agent.ask())
      const items = events.filter(({ type }) => type === 'response.output_item.done').map(({ item }) => item as Item)
      input.push(...items)
      const end = events.at(-1) as unknown as { response: { usage: { input_tokens: number; output_tokens: number } } }
      const { input_tokens, output_tokens } = end.response.usage
      return {
        text: items.flatMap(({ content = [] }) => content.map(({ text }) => text)).join(''),
        calls: items
          .filter(({ type }) => type !== 'message')
          .map((item) => ({
            id: item.call_id,
            name: item.name,
            input: item.input ?? JSON.parse(item.arguments ?? ''),
          })),
        usage: [input_tokens, output_tokens],
      }
    },
  }
  return agent
}

async function playing(script: Script, options?: ModelServerOptions): Promise<ModelServer> {
  const model = await startModelServer(script, options)
  onTestFinished(() => model.close())
  return model
}

function mark(turn = 1, task = 'spec', attempt = 1): string {
  return `Do it.\n\n[troupe:run_1/${task}/${attempt}/${turn}]`
}

function report(fields: object): string {
  return `Here is my report.\n\n\`\`\`json\n${JSON.stringify(fields)}\n\`\`\``
}

const [CLAUDE, CODEX] = [
  ['claude', claude],
  ['codex', codex],
] as const
const BOTH = [CLAUDE, CODEX]
const WORK: Script = {
  spec: [
    [
      { write: { path: 'a.txt', content: 'one\ntwo\n' } },
      { say: 'Now the tests.' },
      { run: 'npm test' },
      { usage: { input: 7, output: 3 } },
      { report: { result: { ok: true } } },
    ],
  ],
}
const END = {
  text: report({ status: 'completed', task_id: 'spec', turn: 1, result: { ok: true }, metrics: {} }),
  calls: [],
  usage: [7, 3],
}

it.each([
  [
    ...CLAUDE,
    'Write',
    { file_path: '/work/a.txt', content: 'one\ntwo\n' },
    'Bash',
    { command: 'npm test', description: 'Run it' },
  ],
  [
    ...CODEX,
    'apply_patch',
    '*** Begin Patch\n*** Add File: a.txt\n+one\n+two\n*** End Patch\n',
    'exec_command',
    { cmd: 'npm test', yield_time_ms: 30_000 },
  ],
])('plays a turn for %s with the tools that it has', async (_, agentAt, writes, file, runs, command) => {
  const model = await playing(WORK)
  const agent = agentAt(model.url)
  agent.say(mark())
  const first = await agent.next()
  for (const call of first.calls) agent.result(call, 'written')
  const second = await agent.next()
  for (const call of second.calls) agent.result(call, 'passed')
  const id = expect.any(String)
  expect([first, second, await agent.next()]).toEqual([
    { text: '', calls: [{ id, name: writes, input: file }], usage: [100, 20] },
    { text: 'Now the tests.', calls: [{ id, name: runs, input: command }], usage: [100, 20] },
    END,
  ])
  const results = [
    { text: 'written', failed: false },
    { text: 'passed', failed: false },
  ]
  expect(model.requests.map(({ mark, told, outcome, ...rest }) => [mark, told, rest.results, outcome])).toEqual([
    ['run_1/spec/1/1', [mark()], [], 'answered'],
    ['run_1/spec/1/1', [mark()], results.slice(0, 1), 'answered'],
    ['run_1/spec/1/1', [mark()], results, 'ended'],
  ])
})

it.each(BOTH)(
  'goes on where the conversation of %s is, at a new server and after a continuation',
  async (_, agentAt) => {
    const agent = agentAt((await playing(WORK)).url)
    agent.say(mark())
    for (const call of (await agent.next()).calls) agent.result(call, 'written')
    agent.url = (await playing(WORK)).url
    agent.say(`Continue; state what is done first.\n\n${mark()}`)
    const { text, calls } = await agent.next()
    expect([text, calls.length]).toEqual(['Now the tests.', 1])
    for (const call of calls) agent.result(call, 'passed')
    expect(await agent.next()).toEqual(END)
  },
)

it.each(BOTH)('asks %s once more for a call that was interrupted, by another id', async (_, agentAt) => {
  const agent = agentAt((await playing(WORK)).url)
  agent.say(mark())
  const first = (await agent.next()).calls[0] as Call
  agent.result(first, 'aborted')
  agent.say(mark())
  const second = (await agent.next()).calls[0] as Call
  expect([second.name, second.input, second.id === first.id]).toEqual([first.name, first.input, false])
})

it('asks once more for a call that the end of an agent cut short, in whichever words that is written', async () => {
  const { url } = await playing(WORK)
  const ends = [
    [codex(url), 'Wall time: 0.2 seconds\naborted by user', mark()],
    [claude(url), "The user doesn't want to proceed with this tool use.", '[Request interrupted by user for tool use]'],
  ] as const
  for (const [agent, result, next] of ends) {
    agent.say(mark())
    const first = (await agent.next()).calls[0] as Call
    agent.result(first, result)
    agent.say(next)
    expect((await agent.next()).calls[0]?.input).toEqual(first.input)
  }
})

it('begins the next turn with its own mark, and ends one that is not written with a plain report', async () => {
  const agent = codex((await playing({ spec: [[{ say: 'One.' }], [{ run: 'two' }, { json: [2] }]] })).url)
  agent.say(mark(1))
  expect((await agent.next()).text).toBe('One.')
  agent.say(mark(2))
  for (const call of (await agent.next()).calls) agent.result(call, 'done')
  expect((await agent.next()).text).toBe(report([2]))
  agent.say(mark(3))
  const plain = { status: 'completed', task_id: 'spec', turn: 3, result: {}, metrics: {} }
  expect((await agent.next()).text).toBe(report(plain))
})

it('takes the script of the attempt, of the task, of the items of a task, or of any', async () => {
  const { url } = await playing({
    'spec/2': [[{ say: 'second' }]],
    spec: [[{ say: 'any attempt' }]],
    'execute[1]': [[{ say: 'that item' }]],
    execute: [[{ say: 'any item' }]],
    '*': [[{ say: '{{run}} {{task}} {{attempt}} {{turn}}' }]],
  })
  const said = async (task: string, attempt: number) => {
    const agent = claude(url)
    agent.say(mark(1, task, attempt))
    return (await agent.next()).text
  }
  expect([
    await said('spec', 2),
    await said('spec', 3),
    await said('execute[1]', 1),
    await said('execute[0]', 1),
    await said('other[3]', 4),
  ]).toEqual(['second', 'any attempt', 'that item', 'any item', 'run_1 other.3 4 1'])
})

it.each(BOTH)('lets %s wait at a hold until the test says go on', async (_, agentAt) => {
  const model = await playing({ spec: [[{ hold: 'gate' }, { say: 'Through.' }]] })
  const agent = agentAt(model.url)
  agent.say(mark())
  const answer = agent.next()
  await model.held('gate')
  expect(model.requests.map(({ outcome }) => outcome)).toEqual(['waiting'])
  model.release('gate')
  expect((await answer).text).toBe('Through.')
})

it('notes of a request that hangs that whoever asked went away', async () => {
  const model = await playing({ spec: [[{ hang: true }]] })
  const agent = claude(model.url)
  agent.say(mark())
  const stop = new AbortController()
  const body = JSON.stringify({ tools: [{ name: 'Bash' }], messages: [{ role: 'user', content: mark() }] })
  const answer = fetch(`${model.url}/v1/messages`, { method: 'POST', body, signal: stop.signal }).catch(() => 'aborted')
  await model.until(({ outcome }) => outcome === 'waiting')
  stop.abort()
  await model.until(({ outcome }) => outcome === 'left')
  expect(await answer).toBe('aborted')
})

it.each([
  [
    ...CLAUDE,
    {
      type: 'error',
      error: { type: 'rate_limit_error', message: 'Scripted rate_limit_error (429).' },
      request_id: 'req_scripted',
    },
  ],
  [
    ...CODEX,
    {
      error: {
        message: 'Scripted rate_limit_exceeded (429).',
        type: 'rate_limit_exceeded',
        code: 'rate_limit_exceeded',
        param: null,
      },
    },
  ],
])('refuses %s as often as is said, in the form of its provider', async (_, agentAt, body) => {
  const model = await playing({
    spec: [[{ status: 429, headers: { 'retry-after': '1' }, times: 2 }, { say: 'Fine.' }]],
  })
  const agent = agentAt(model.url)
  agent.say(mark())
  for (let time = 0; time < 2; time++) {
    const refused = await agent.ask()
    expect([refused.status, refused.headers.get('retry-after'), await refused.json()]).toEqual([429, '1', body])
  }
  expect((await agent.next()).text).toBe('Fine.')
  expect(model.requests.map(({ outcome }) => outcome)).toEqual([429, 429, 'ended'])
})

it('says that a usage limit is reached as each provider does', async () => {
  const { url } = await playing({ spec: [[{ say: 'Lost.' }, { usageLimit: { resetsAt: 1_800_000_000 } }]] })
  const [one, other] = [claude(url), codex(url)]
  one.say(mark())
  other.say(mark())
  const [ofClaude, ofCodex] = [await one.ask(), await other.ask()]
  const header = (name: string) => ofClaude.headers.get(`anthropic-ratelimit-unified-${name}`)
  expect([ofClaude.status, header('status'), header('reset')]).toEqual([429, 'rejected', '1800000000'])
  const message = 'The usage limit has been reached'
  expect([ofCodex.status, await ofCodex.json()]).toEqual([
    429,
    { error: { type: 'usage_limit_reached', message, plan_type: 'plus', resets_at: 1_800_000_000 } },
  ])
})

it.each(BOTH)('cuts the stream of %s in the middle', async (_, agentAt) => {
  const model = await playing({ spec: [[{ say: 'Half of' }, { cut: true, times: 1 }, { say: ' it.' }]] })
  const agent = agentAt(model.url)
  agent.say(mark())
  const response = await agent.ask()
  await expect(response.text()).rejects.toThrow('terminated')
  expect((await agent.next()).text).toBe('Half of it.')
})

it.each(BOTH)('tells by a text that was said to %s meanwhile what to do, and stays with it', async (_, agentAt) => {
  const model = await playing({
    spec: [
      [
        { run: 'one' },
        { ifSaid: 'blue', do: [{ run: 'blue' }], else: [{ run: 'grey' }] },
        { ifSaid: 'late', do: [{ say: 'late' }], else: [{ say: 'not late' }] },
      ],
    ],
  })
  const [told, untold] = [agentAt(model.url), agentAt(model.url)]
  for (const agent of [told, untold]) {
    agent.say(mark())
    for (const call of (await agent.next()).calls) agent.result(call, 'done')
  }
  told.say('Make it blue.')
  const ran = async (agent: FakeAgent) => {
    const { calls } = await agent.next()
    for (const call of calls) agent.result(call, 'done')
    return JSON.stringify(calls.map(({ input }) => input))
  }
  expect([await ran(told), await ran(untold)]).toEqual([
    expect.stringContaining('blue'),
    expect.stringContaining('grey'),
  ])
  untold.say('Too late for blue.')
  expect([(await told.next()).text, (await untold.next()).text]).toEqual(['not late', 'late'])
  expect(model.requests.at(-2)?.told).toEqual([mark(), 'Make it blue.'])
})

it('answers what agents ask for themselves with the smallest value that fits, and it counts for nothing', async () => {
  const model = await playing(WORK)
  const agent = claude(model.url)
  agent.say(mark())
  const schema = { type: 'object', properties: { title: { type: 'string' }, tags: { type: 'array' } } }
  const side = await agent.ask({ tools: [], stream: false, output_config: { format: { type: 'json_schema', schema } } })
  const { content, stop_reason } = (await side.json()) as { content: Json; stop_reason: string }
  expect([content, stop_reason]).toEqual([[{ type: 'text', text: '{"title":"Work","tags":[]}' }], 'end_turn'])
  expect((await agent.next()).calls.length).toBe(1)
  expect(model.requests.map(({ side }) => side)).toEqual([true, false])
})

it('polls a command of codex that is still running', async () => {
  const agent = codex((await playing({ spec: [[{ run: 'sleep 60' }, { say: 'Over.' }]] })).url)
  agent.say(mark())
  for (const call of (await agent.next()).calls) agent.result(call, 'Process running with session ID 12')
  const { calls } = await agent.next()
  expect(calls.map(({ name, input }) => [name, input])).toEqual([
    ['write_stdin', { session_id: 12, chars: '', yield_time_ms: 30_000 }],
  ])
  for (const call of calls) agent.result(call, 'Process exited with code 0')
  expect((await agent.next()).text).toBe('Over.')
})

it('reads a file for claude before it changes it', async () => {
  const edit = { path: 'a.txt', old: 'one', new: 'two' }
  const agent = claude((await playing({ spec: [[{ edit }, { write: { path: 'b.txt', content: 'b' } }]] })).url)
  agent.say(mark())
  const names: string[] = []
  for (const result of [
    '1 one',
    'changed',
    '<tool_use_error>File has not been read yet.</tool_use_error>',
    'b',
    'written',
  ]) {
    for (const call of (await agent.next()).calls) {
      names.push(call.name)
      agent.result(call, result)
    }
  }
  expect(names).toEqual(['Read', 'Edit', 'Write', 'Read', 'Write'])
})

it('answers the small questions that agents ask when they start', async () => {
  const { url } = await playing({})
  const head = await fetch(url, { method: 'HEAD' })
  const counted = await post(`${url}/v1/messages/count_tokens`, { messages: [] })
  const unknown = await fetch(`${url}/v1/other`)
  expect([head.status, await counted.json(), unknown.status]).toEqual([200, { input_tokens: 100 }, 404])
})
