import type { FoundCheck } from './find-check.ts'

/** What a workflow for local agents is written from. */
export interface LocalChoice {
  /** The backend of its tasks. */
  readonly backend: string
  /** Other agents that are installed. */
  readonly others: readonly string[]
  readonly check: FoundCheck | undefined
}

/** The workflow that `troupe init --local` writes: agents of this machine, each in a git worktree of its own. */
export function localWorkflowText({ backend, others, check }: LocalChoice): string {
  const also = others.length === 0 ? '' : `   # installed too: ${others.join(', ')}`
  return `# Agents of this machine build a feature in this repository. Check it, then run it in here:
#   troupe validate feature.yaml
#   troupe run feature.yaml --input feature_request="Add a --version flag"
# Each agent works in a git worktree of its own, outside of your folder, on a branch troupe/RUN/TASK/ATTEMPT that begins at your
# last commit. Your own files and branches are not touched: 'troupe work last' shows what was done and how to take it over.
name: feature

inputs:
  feature_request: { type: string, required: true, description: What the feature is to do }

# What every task has unless it says otherwise.
defaults:
  backend: ${backend}${also}
  # model: NAME                 # else the agent's own default
  timeout: 45m
  retry: { attempts: 2 }
  onFailure: escalate           # a person decides: retry, complete, skip or fail
${setupText(check)}${checkText(check)}  # What an agent asks for beyond its worktree is rejected; 'ask' asks you instead, for 10m.
  permissions: { rest: reject }

# How many agents work at once follows from the memory that is free; this only lowers it.
concurrency: 4
# The run pauses and asks before it would start more agents.
budget: { agentRuns: 12 }

tasks:
  plan:
    role: Planner
    prompt: |
      Read this repository. Split the following feature into one to three steps that can be built side by side by different people, in
      different files where that is possible. Change no file.
      {{ inputs.feature_request }}
    # Nothing is changed, so there is nothing to set up and to check.
    setup: []
    check: { run: [] }
    # What its report must hold; the tasks below rely on it.
    output:
      type: object
      required: [steps]
      properties:
        steps:
          type: array
          minItems: 1
          maxItems: 3
          items:
            type: object
            required: [title, description]
            properties: { title: { type: string }, description: { type: string } }

  # One agent for each step, side by side, each in its own worktree.
  build:
    role: Developer
    needs: [plan]
    forEach: tasks.plan.output.steps
    prompt: |
      Build this step of "{{ inputs.feature_request }}", with tests, and nothing else.
      {{ item.title }}: {{ item.description }}

  # Begins with the work of all of them, merged by troupe.
  review:
    role: Reviewer
    needs: [build]
    onConflict: agent           # what cannot be merged goes to this agent, with its conflicts; 'escalate' asks you
    prompt: |
      What was built for "{{ inputs.feature_request }}" is in your folder, merged. Review it as a whole: mend what is wrong or does not
      fit together, and say in your report what you changed and what a person should look at.
`
}

function setupText(check: FoundCheck | undefined): string {
  const why = '  # Run in each new worktree, where nothing is that git ignores (node_modules, build results).\n'
  if (check?.setup === undefined) return `${why}  # setup: [npm, ci]\n`
  return `${why}  setup: ${listOf(check.setup)}\n`
}

function checkText(check: FoundCheck | undefined): string {
  const why = `  # troupe itself runs this in the worktree when an agent says that it is done. What fails goes back to the agent, at most three
  # times; a task completes only when it passes. A command is a list of words: no shell reads it.
`
  if (check === undefined) return `${why}  # check: { run: [make, test], rounds: 3, timeout: 10m }\n`
  return `${why}  check: { run: ${listOf(check.check)}, rounds: 3, timeout: 10m }   # found in ${check.file}\n`
}

function listOf(command: readonly string[]): string {
  return `[${command.map((word) => (/^[\w./-]+$/.test(word) ? word : JSON.stringify(word))).join(', ')}]`
}

/** The configuration that `troupe init --local` writes: all that it says is what holds anyway. */
export const LOCAL_CONFIG_TEXT = `# Settings of troupe in this folder. Flags and the environment go before them.
# Keys and tokens never stand here: agents use their own login, or variables of your environment.

# Where runs are kept; best not under version control.
dataDir: .troupe

# Where worktrees are made; the default is $XDG_STATE_HOME/troupe or ~/.local/state/troupe.
# workDir: /some/large/disk/troupe

# Agents beside the presets claude and codex, and what is different of those.
# agents:
#   command:                    # started once a turn; backend: command:NAME
#     claude: { model: haiku }
#     mine: { program: my-agent, args: [run, --quiet], env: [MY_AGENT_KEY] }
#   acp:                        # speaks the Agent Client Protocol; backend: acp:NAME
#     gemini: { program: gemini, args: [--acp] }
`
