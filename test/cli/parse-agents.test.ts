import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/cli/parse-config.ts'
import { UsageError } from '../../src/domain/errors.ts'

const read = (text: string) => parseConfig({ file: 'c.yaml', text })

/** What is said of a file, line by line. */
function mistakesIn(text: string): readonly string[] {
  try {
    read(text)
    return ['no mistake']
  } catch (error) {
    if (error instanceof UsageError) return error.message.split('\n')
    throw error
  }
}

describe('agents: in troupe.config.yaml', () => {
  it('describes agents of both kinds, and what is different of presets', () => {
    const text = `
workDir: /big/troupe
agents:
  command:
    claude: { program: /opt/claude, model: small }
    mine:
      program: my-agent
      args: [run, --json, [--model, "{model}"]]
      resume: [run, --session, "{session}"]
      output:
        lines:
          - { when: { type: start }, session: id }
          - { when: { type: [say, think], "part.kind": { present: true } }, text: { path: part.text, replaces: true } }
          - { when: { type: done }, end: true, usage: { tokens: [usage.in, usage.out], of: session } }
          - { when: { ok: false }, failure: { kind: limit, message: error, endsIt: true }, limit: { seconds: wait } }
          - { when: {}, end: { reason: stop } }
      exitCodes: [0, 3]
      stopSignal: SIGINT
      home: private
      env: [MY_AGENT_KEY]
      set: { MY_AGENT_MODE: quiet }
      memoryMb: 200
      version: [version]
      install: Install it with npm install -g my-agent
    plain: { program: say, output: text, prompt: argument, args: ["{prompt}"] }
  acp:
    gemini: { program: gemini, args: [--acp], mode: default, steer: false, resume: false, usage: true, login: Run gemini once. }
    claude: { keyLogin: { method: key, variables: [MY_KEY] }, stopSignal: SIGINT, set: { MAX_OUTPUT_TOKENS: "8000" } }
`
    expect(read(text)).toEqual({
      workDir: '/big/troupe',
      serve: { tokens: [] },
      agents: {
        command: {
          claude: { program: '/opt/claude', model: 'small' },
          mine: {
            program: 'my-agent',
            args: ['run', '--json', ['--model', '{model}']],
            resume: ['run', '--session', '{session}'],
            output: {
              lines: [
                { when: { type: 'start' }, session: 'id' },
                {
                  when: { type: ['say', 'think'], 'part.kind': { present: true } },
                  text: { path: 'part.text', replaces: true },
                },
                { when: { type: 'done' }, end: true, usage: { tokens: ['usage.in', 'usage.out'], of: 'session' } },
                {
                  when: { ok: false },
                  failure: { kind: 'limit', message: 'error', endsIt: true },
                  limit: { seconds: 'wait' },
                },
                { when: {}, end: { reason: 'stop' } },
              ],
            },
            exitCodes: [0, 3],
            stopSignal: 'SIGINT',
            home: 'private',
            env: ['MY_AGENT_KEY'],
            set: { MY_AGENT_MODE: 'quiet' },
            memoryMb: 200,
            version: ['version'],
            install: 'Install it with npm install -g my-agent',
          },
          plain: { program: 'say', output: 'text', prompt: 'argument', args: ['{prompt}'] },
        },
        acp: {
          gemini: {
            program: 'gemini',
            args: ['--acp'],
            mode: 'default',
            steer: false,
            resume: false,
            usage: true,
            login: 'Run gemini once.',
          },
          claude: {
            keyLogin: { method: 'key', variables: ['MY_KEY'] },
            stopSignal: 'SIGINT',
            set: { MAX_OUTPUT_TOKENS: '8000' },
          },
        },
      },
    })
  })

  it('is told every mistake at once, each with its place', () => {
    const text = `agents:
  comand: {}
  command:
    "a b": { program: x }
    one:
      program: ./one
      args: one
      output:
        lines:
          - { wen: {} }
          - { when: { type: { has: 1 } }, text: message, end: no }
          - { when: {}, usage: { of: run }, tool: { title: a.b } }
      exitCodes: [256]
      stopSignal: SIGKILL
  acp:
    two: { program: two, args: { a: 1 }, memoryMb: lots }
    three: []
`
    expect(mistakesIn(text)).toEqual([
      "c.yaml:2:3: agents.comand: is an unknown key; did you mean 'command'?",
      'c.yaml:4:5: agents.command.a b: must be 1 to 64 small letters, digits and -, a letter first: acp:NAME and command:NAME are its backends',
      'c.yaml:6:16: agents.command.one.program: must be a name that is looked up on PATH, such as my-agent, or an absolute path',
      'c.yaml:7:13: agents.command.one.args: must be a list, not "one"; write [one]',
      'c.yaml:10:13: agents.command.one.output.lines[0].when: is missing; it must be a mapping',
      "c.yaml:10:15: agents.command.one.output.lines[0].wen: is an unknown key; did you mean 'when'?",
      'c.yaml:11:29: agents.command.one.output.lines[1].when.type: must be a value, a list of values, or { present: true }',
      'c.yaml:11:49: agents.command.one.output.lines[1].text: must be a mapping, not "message"',
      'c.yaml:11:63: agents.command.one.output.lines[1].end: must be a mapping, not "no"',
      'c.yaml:12:38: agents.command.one.output.lines[2].usage.of: must be one of step, turn, session, not "run"',
      'c.yaml:12:45: agents.command.one.output.lines[2].tool.status: must be one of started, completed, failed',
      'c.yaml:13:19: agents.command.one.exitCodes[0]: must be at most 255',
      'c.yaml:14:19: agents.command.one.stopSignal: must be one of SIGINT, SIGTERM, not "SIGKILL"; did you mean \'SIGINT\'?',
      'c.yaml:16:32: agents.acp.two.args: must be a list, not a mapping',
      'c.yaml:16:52: agents.acp.two.memoryMb: must be a number, not "lots"',
      'c.yaml:17:12: agents.acp.three: must be a mapping, not a list',
    ])
  })

  it('is refused where it fits no agent that could be started', () => {
    const text = `agents:
  command:
    nothing: { model: small }
    claude: { args: [x] }
    codex: { model: small }
    asked: { program: a, prompt: argument, args: [x], resume: [y] }
    mixed: { program: a, args: ["{prompt}"] }
  acp:
    other: {}
    claude: {}
`
    expect(mistakesIn(text)).toEqual([
      'c.yaml:3:5: agents.command.nothing: does not say what is started: give program, such as program: my-agent',
      'c.yaml:4:5: agents.command.claude: does not say what is started: give program, such as program: my-agent',
      'c.yaml:6:50: agents.command.asked.args: does not hold {prompt}, which is to be an argument',
      'c.yaml:6:63: agents.command.asked.resume: does not hold {prompt}, which is to be an argument',
      'c.yaml:7:32: agents.command.mixed.args: holds {prompt}, which is written to standard input; say prompt: argument',
      'c.yaml:9:5: agents.acp.other: does not say what is started: give program, such as program: my-agent',
    ])
  })

  it.each([
    'acp: { claude: { set: { MY_API_KEY: s3cret-value } } }',
    'acp: { claude: { set: { MY_TOKEN: s3cret-value } } }',
    'acp: { claude: { set: s3cret-value } }',
    'acp: { claude: { env: [MY_API_KEY=s3cret-value] } }',
    'acp: { claude: { env: s3cret-value } }',
    'acp: { claude: { apiKey: s3cret-value } }',
    'command: { claude: { set: { MY_PASSWORD: s3cret-value } } }',
  ])('never holds a key, and what was written there is not repeated: %s', (agents) => {
    const said = mistakesIn(`agents: { ${agents} }`)
    expect([said.length, said.join().includes('s3cret-value')]).toEqual([1, false])
  })
})
