/** The workflow that `troupe init` writes: small, and every part of it explained. */
export const WORKFLOW_TEXT = `# A first workflow for troupe. Check it, then run it:
#   troupe validate feature.yaml
#   troupe run feature.yaml --input feature_request="Add login"
# As long as CODEGEN_API_TOKEN is not set, a stand-in plays the agents: nothing is paid for and no code is changed.
name: feature

inputs:
  feature_request: { type: string, required: true, description: What the feature is to do }

# What every task has unless it says otherwise.
defaults:
  # repository: owner/name      # where the agents work; the account's only repository needs no name
  timeout: 45m
  retry: { attempts: 2 }
  onFailure: escalate           # a person decides: retry, complete, skip or fail

# The run pauses and asks before it would create more agents.
budget: { agentRuns: 12 }

tasks:
  plan:
    role: Planner
    prompt: "Split this feature into independent steps: {{ inputs.feature_request }}"
    # What its report must hold; later tasks rely on it.
    output:
      type: object
      required: [steps]
      properties:
        steps: { type: array, maxItems: 6, items: { type: object, properties: { title: { type: string } } } }
    # Only the stand-in reads this.
    simulate: { duration: 2s, output: { steps: [{ title: Form }, { title: Storage }] } }

  # One agent for each step, side by side.
  build:
    role: Developer
    needs: [plan]
    forEach: tasks.plan.output.steps
    prompt: "Carry out this step: {{ item.title }}"
    simulate: { duration: 3s, pullRequests: 1 }

  review:
    role: Reviewer
    needs: [build]
    prompt: "Review what was built: {{ tasks.build.results }}"
    simulate: { duration: 2s, result: "All steps fit together." }
`

/** The configuration that `troupe init` writes: all that it says is what holds anyway. */
export const CONFIG_TEXT = `# Settings of troupe in this folder. Flags and the environment go before them.
# Tokens never stand here: CODEGEN_API_TOKEN and CODEGEN_ORG_ID are read from the environment.

# Where runs are kept; best not under version control.
dataDir: .troupe

# What 'troupe serve' does.
serve:
  host: 127.0.0.1
  port: 4600
  # workflows: .                # files in here may be started by name
  # retain: { for: 30d }        # finished runs that ended longer ago are removed
`
