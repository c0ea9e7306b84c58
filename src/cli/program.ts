import { Command, CommanderError } from 'commander'
import { addCodegen } from './codegen-program.ts'
import type { CliContext } from './context.ts'

/** What the command line is made for. */
export interface ProgramOptions {
  readonly version: string
  readonly context: CliContext
  /** Told the exit code of the command that ran. */
  readonly onExitCode: (code: number) => void
}

type Action<Words extends unknown[]> = (...words: Words) => Promise<number>

/** The command line of troupe. Each command's code is loaded when it is used, so that help is quick. */
export function createProgram({ version, context, onExitCode }: ProgramOptions): Command {
  const run =
    <Words extends unknown[]>(action: Action<Words>) =>
    async (...words: Words) =>
      onExitCode(await action(...words))
  const program = new Command('troupe')
    .description('Orchestrates AI coding agents: a durable graph of tasks, each carried out by a sub-agent.')
    .version(version)
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => void context.stdout.write(text),
      writeErr: (text) => void context.stderr.write(text),
      getOutHelpWidth: () => context.stdout.columns,
      outputError: (text, write) => write(text.replace(/^error: /, 'troupe: ')),
    })
  addRunCommands(program, context, run)
  addReadingCommands(program, context, run)
  addWork(program, context, run)
  addTellingCommands(program, context, run)
  addRerun(program, context, run)
  addRemove(program, context, run)
  addServe(program, context, run)
  addCodegen(program, context, run)
  addStandIn(program, context, run)
  program.hook('preAction', async (_program, command) => {
    await (await import('./data-dir.ts')).configureDataDir(command, context)
  })
  for (const command of program.commands) {
    command.showHelpAfterError(`Try: troupe ${command.name()} --help`)
  }
  return program.showHelpAfterError('Try: troupe --help')
}

/** The exit code of what commander threw; undefined for any other error. Its message was written already. */
export function commanderExitCode(error: unknown): number | undefined {
  if (!(error instanceof CommanderError)) return undefined
  return error.code === 'commander.helpDisplayed' || error.code === 'commander.version' ? 0 : 2
}

type Runner = <Words extends unknown[]>(action: Action<Words>) => (...words: Words) => Promise<void>

function addRunCommands(program: Command, context: CliContext, run: Runner): void {
  const start = program
    .command('run [file]')
    .description('start a run of a workflow file, or of an objective that a manager plans for, and see it through')
    .option('--objective <text>', 'instead of a file: what is to be achieved, or @file')
    .option('--roles <file>', 'with --objective: the roles that the manager may give out, as YAML or JSON')
    .option('--repository <name>', 'with --objective: where its agents work, as owner/name or an id')
    .option('--input <name=value>', 'an input; name=@file takes it from a file (may be repeated)', collect, [])
  addSettings(start).action(
    run(async (file: string | undefined, flags) => (await import('./run.ts')).runCommand(context, file, flags)),
  )
  program
    .command('init [dir]')
    .description('write a first workflow, feature.yaml, and troupe.config.yaml')
    .option('--local', 'for agents of this machine, in the git repository that DIR is in')
    .option('--force', 'overwrite what is there')
    .action(run(async (dir: string | undefined, flags) => (await import('./init.ts')).initCommand(context, dir, flags)))
  const resume = program
    .command('resume [run]')
    .description('go on with all unfinished runs, or with one (its id, or last)')
  addSettings(resume).action(
    run(async (name: string | undefined, flags) => (await import('./resume.ts')).resumeCommand(context, name, flags)),
  )
  program
    .command('validate <file>')
    .description('check a workflow file')
    .action(run(async (file: string) => (await import('./validate.ts')).validateCommand(context, file)))
  program
    .command('graph <file>')
    .description("draw a workflow file's graph")
    .option('--format <name>', 'mermaid or dot', 'mermaid')
    .action(run(async (file: string, flags) => (await import('./graph.ts')).graphCommand(context, file, flags)))
}

function addReadingCommands(program: Command, context: CliContext, run: Runner): void {
  withUrl(withJson(withDataDir(program.command('runs').description('list the runs')))).action(
    run(async (flags) => (await import('./runs.ts')).runsCommand(context, flags)),
  )
  withUrl(
    withJson(withDataDir(program.command('show <run>').description('how a run stands, and why it waits'))),
  ).action(run(async (name: string, flags) => (await import('./show.ts')).showCommand(context, name, flags)))
  const watch = program
    .command('watch [run]')
    .description('watch a run (its id, or last) until it ends, or all runs; changes nothing')
    .option('--from-start', 'show what has happened already, too')
  withUrl(withJson(withDataDir(watch), 'records as JSON lines, a result line last')).action(
    run(async (name: string | undefined, flags) => (await import('./watch.ts')).watchCommand(context, name, flags)),
  )
  withJson(withDataDir(program.command('logs <run> <task>').description("the log of a task's agent run"))).action(
    run(async (name: string, task: string, flags) =>
      (await import('./logs.ts')).logsCommand(context, name, task, flags),
    ),
  )
  withJson(withDataDir(program.command('result <run> <task>').description("a task's result"))).action(
    run(async (name: string, task: string, flags) =>
      (await import('./result.ts')).resultCommand(context, name, task, flags),
    ),
  )
}

function addWork(program: Command, context: CliContext, run: Runner): void {
  const work = program
    .command('work <run>')
    .description('what local agents did in a run (branches, commits, files), and how to take it over')
    .option('--clean', 'remove worktrees that are left of a finished run, and branches that are merged')
  withUrl(withJson(withDataDir(work))).action(
    run(async (name: string, flags) => (await import('./work.ts')).workCommand(context, name, flags)),
  )
}

function addTellingCommands(program: Command, context: CliContext, run: Runner): void {
  withDataDir(program.command('pause <run>').description('begin nothing new; agents that run end')).action(
    run(async (name: string, flags) => (await import('./pause.ts')).pauseCommand(context, name, flags)),
  )
  const go = program
    .command('continue <run>')
    .description('let a paused run go on')
    .option(
      '--budget <name=+n>',
      'raise what is used up: agentRuns=+20, managerTurns=+5, duration=+1h, cost=+5, tokens=+100000 (repeatable)',
      collect,
      [],
    )
  withDataDir(go).action(
    run(async (name: string, flags) => (await import('./continue.ts')).continueCommand(context, name, flags)),
  )
  withDataDir(program.command('cancel <run>').description('cancel a run and wait until all is settled')).action(
    run(async (name: string, flags) => (await import('./cancel.ts')).cancelCommand(context, name, flags)),
  )
  const task = program
    .command('task <run> <task> <action> [duration]')
    .description(
      'tell a task: retry, complete, skip, fail, wait [DURATION], adopt, approve, reject, answer, steer, pause, continue, cancel',
    )
    .option('--prompt <text>', 'retry: what the next attempt is told instead')
    .option('--resolve', 'retry: what cannot be merged of the work that it needs goes to its agent, which resolves it')
    .option('--result <json>', 'complete: the result as JSON, or @file')
    .option('--reason <text>', 'fail, reject: why')
    .option('--text <text>', 'answer, steer: what its agent is told, or @file')
    .option('--attempt <n>', 'adopt: the attempt whose late result is taken')
  withDataDir(task).action(
    run(async (name: string, id: string, action: string, duration: string | undefined, flags) => {
      const words = { run: name, task: id, action, ...(duration === undefined ? {} : { duration }) }
      return (await import('./task.ts')).taskCommand(context, words, flags)
    }),
  )
}

function addRerun(program: Command, context: CliContext, run: Runner): void {
  const rerun = program
    .command('rerun <run> <task>')
    .description('carry a settled task out once more, with all that depends on it; a run that has ended goes on')
  withDataDir(rerun).action(
    run(async (name: string, id: string, flags) => (await import('./rerun.ts')).rerunCommand(context, name, id, flags)),
  )
}

function addRemove(program: Command, context: CliContext, run: Runner): void {
  const remove = program
    .command('rm <run>')
    .description('delete a finished run (its id, or last)')
    .option('--archive', 'move it to DATA/archive instead')
  withDataDir(remove).action(
    run(async (name: string, flags) => (await import('./rm.ts')).rmCommand(context, name, flags)),
  )
}

function addServe(program: Command, context: CliContext, run: Runner): void {
  const serve = program
    .command('serve')
    .description('hold the data folder and serve its runs over HTTP and WebSocket until a signal')
    .option('--host <host>', 'where to listen; beyond this machine a token is needed (default: 127.0.0.1)')
    .option('--port <n>', '0 takes a free one (default: 4600)')
    .option('--workflows <dir>', 'folder of workflow files that may be started by name')
    .option('--inspect', 'serve the Stately Inspector at /inspect')
    .option('--allow-host <host>', 'a further name of this server in a Host header (may be repeated)', collect, [])
    .option('--allow-origin <origin>', 'another site whose pages may ask (may be repeated)', collect, [])
    .option('--public-url <url>', 'how Codegen reaches this server: agent runs tell of their end there')
    .option('--log-level <level>', 'debug, info, warn, error or silent (default: info)')
    .option('--retain-for <duration>', 'remove finished runs that ended longer ago, as in 30d')
    .option('--retain-runs <n>', 'remove all finished runs but the newest N')
    .option('--archive', 'move what is removed to DATA/archive instead of deleting it')
    .option('--no-resume', 'leave unfinished runs as they are')
    .addHelpText('after', SERVE_HELP)
  withDataDir(serve).action(run(async (flags) => (await import('./serve.ts')).serveCommand(context, flags)))
}

const SERVE_HELP = `
Tokens are read from the environment: TROUPE_TOKEN may do everything, TROUPE_READ_TOKEN may read and subscribe.
With CODEGEN_WEBHOOK_SECRET webhooks of Codegen are taken at /v1/webhooks/codegen; CODEGEN_WEBHOOK_HEADER names the header
of their signature (default: x-codegen-signature), CODEGEN_WEBHOOK_ENCODING is hex or base64 (default: hex).
troupe.config.yaml may name further ones, and sets what no flag says.`

function addStandIn(program: Command, context: CliContext, run: Runner): void {
  program
    .command('stand-in')
    .description('serve a Codegen API that plays agents, for trying things out')
    .option('--port <n>', '0 takes a free one', '0')
    .option('--data-dir <dir>', 'keep its runs in DIR/stand-in (default: in memory)')
    .option('--seed <s>', 'what chance is drawn from', '1')
    .option('--speed <x>', 'divides durations, never windows', '1')
    .option('--limit <name=limit>', 'as in create=600/1m or create=none (may be repeated)', collect, [])
    .option('--fault <name=share>', 'as in answer-lost=0.05 (may be repeated)', collect, [])
    .option('--quota <n>', 'answer 402 once N agent runs were created')
    .action(run(async (flags) => (await import('./stand-in-command.ts')).standInCommand(context, flags)))
}

function addSettings(command: Command): Command {
  const settings = command
    .option('--backend <name>', "overrides every task's backend: codegen, simulated, command:NAME or acp:NAME")
    .option('--limit <name=limit>', 'as in codegen.create=600/1m or codegen.create=none (may be repeated)', collect, [])
    .option('--grace <duration>', 'how long a creation of unknown outcome may still appear')
    .option('--speed <x>', 'divides the durations of the stand-in and the simulated backend')
    .option('--seed <s>', 'what chance is drawn from')
    .option('--yes', 'approve what waits for approval')
  return withJson(withDataDir(settings), 'records as JSON lines, a result line last')
}

function withDataDir(command: Command): Command {
  return command.option(
    '--data-dir <dir>',
    'the data folder (default: TROUPE_DATA_DIR, troupe.config.yaml, or .troupe)',
  )
}

function withJson(command: Command, what = 'as JSON'): Command {
  return command.option('--json', what)
}

function withUrl(command: Command): Command {
  return command.option('--url <url>', 'a server elsewhere, as in http://host:4600 (its token: TROUPE_TOKEN)')
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value]
}
