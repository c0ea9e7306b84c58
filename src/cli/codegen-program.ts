import type { Command } from 'commander'
import type { CliContext } from './context.ts'

type Action<Words extends unknown[]> = (...words: Words) => Promise<number>
type Runner = <Words extends unknown[]>(action: Action<Words>) => (...words: Words) => Promise<void>

/** Adds `troupe codegen WHAT` and `troupe doctor`. */
export function addCodegen(program: Command, context: CliContext, run: Runner): void {
  const group = program
    .command('codegen')
    .description('ask the Codegen account, and stop agents there')
    .addHelpText('after', HELP)
  const add = (words: string, what: string) =>
    withFlags(group.command(words).description(what)).showHelpAfterError(
      `Try: troupe codegen ${words.split(' ', 1)[0]} --help`,
    )
  const account = () => import('./codegen-account-commands.ts')
  const runs = () => import('./codegen-run-commands.ts')

  add('me', 'whose token it is').action(run(async (flags) => (await account()).meCommand(context, flags)))
  add('organizations', 'the organizations that the token may use').action(
    run(async (flags) => (await account()).organizationsCommand(context, flags)),
  )
  add('repositories', 'the repositories that agents may work in').action(
    run(async (flags) => (await account()).repositoriesCommand(context, flags)),
  )
  add('models', 'the models that a task may name').action(
    run(async (flags) => (await account()).modelsCommand(context, flags)),
  )
  add('runs', 'your newest agent runs, and which task each belongs to')
    .option('--limit <n>', 'how many', '20')
    .action(run(async (flags) => (await runs()).agentRunsCommand(context, flags)))
  for (const [what, words] of STOPS) {
    add(`${what} <id>`, words).action(
      run(async (id: string, flags) => (await runs()).stopCommand(context, what, id, flags)),
    )
  }
  add('setup-commands <repository>', 'start an agent run that works out how a repository (owner/name or id) is set up')
    .option('--prompt <text>', 'what the agent is told')
    .action(run(async (name: string, flags) => (await runs()).setupCommandsCommand(context, name, flags)))
  add('analyze-logs <sandbox>', 'start an agent run that looks at the setup logs of a sandbox').action(
    run(async (sandbox: string, flags) => (await runs()).analyzeLogsCommand(context, sandbox, flags)),
  )
  add('webhook [action] [url]', "the organization's webhook: show (default), set URL, delete, test URL")
    .addHelpText('after', WEBHOOK_HELP)
    .action(
      run(async (action: string | undefined, url: string | undefined, flags) =>
        (await import('./codegen-webhook-command.ts')).webhookCommand(context, action, url, flags),
      ),
    )
  withFlags(
    program
      .command('doctor')
      .description('check Node, the data folder and the Codegen account; exit 2 if anything is wrong'),
  ).action(run(async (flags) => (await import('./doctor.ts')).doctorCommand(context, flags)))
}

const STOPS = [
  ['ban', "flag an agent run's pull request and stop its agents"],
  ['unban', 'take that flag away; what was stopped stays so'],
  ['remove-from-pr', 'take Codegen off the pull request of an agent run and stop its agents'],
] as const

const HELP = `
The account is that of CODEGEN_API_TOKEN, CODEGEN_ORG_ID and CODEGEN_API_BASE_URL; without them the embedded stand-in of the data
folder, once it has agent runs. These calls are not counted with those of runs: many of them beside runs may meet the
provider's limits (429), which delays those runs and fails none.`

const WEBHOOK_HELP = `
The secret that webhooks are signed with is read from CODEGEN_WEBHOOK_SECRET, or the variable that troupe.config.yaml names, as
troupe serve does; it is never shown. 'troupe serve --public-url' gives each agent run a webhook without any of this.`

function withFlags(command: Command): Command {
  return command
    .option('--data-dir <dir>', 'the data folder (default: TROUPE_DATA_DIR, troupe.config.yaml, or .troupe)')
    .option('--json', 'as JSON')
}
