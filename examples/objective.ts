/**
 * A manager that plans: it is given an objective, decides which tasks are to be done by whom, is told what they returned, and ends the
 * work. The same without a program:
 *
 *   npx troupe run --objective "Let customers pay with gift cards" --repository acme/shop --yes
 *
 * Runs on the embedded stand-in, without network or account, in about fifteen seconds:
 *
 *   npx tsx examples/objective.ts [DATA_FOLDER]
 */
import { createOrchestrator, defineWorkflow } from 'troupe'

const workflow = defineWorkflow({
  name: 'gift-cards',
  inputs: { objective: { type: 'string', required: true } },
  defaults: { repository: 'acme/shop', timeout: '45m' },
  // It may only give out these roles; without them it makes up its own.
  roles: {
    ResearchAgent: '#ResearchAgent: ',
    SpecArchitect: '#SpecArchitect: ',
    TaskPlanner: '#TaskPlanner: ',
    TaskExecutor: '#TaskExecutor: ',
    Reviewer: '#Reviewer: ',
  },
  budget: { agentRuns: 30 },
  manager: { plan: true, objective: '{{ inputs.objective }}', rounds: 10, reportEvery: '1s' },
})

const orchestrator = await createOrchestrator({ dataDir: process.argv[2] ?? '.troupe', env: {} })
try {
  const inputs = { objective: 'Let customers pay with gift cards' }
  // What it asks a person is answered with yes.
  const run = await orchestrator.start(workflow, inputs, { speed: 50, yes: true })
  const { status } = await orchestrator.settled(run)
  for (const { task, state } of orchestrator.view(run).tasks) console.log(`${task}: ${state}`)
  console.log(`${run} ${status}`)
} finally {
  await orchestrator.close()
}
