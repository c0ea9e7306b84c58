/**
 * A workflow as a program: defined with types, carried out in this process, watched record by record.
 *
 *   npx tsx examples/typed-workflow.ts [DATA_FOLDER]
 *
 * Without an account in `env`, the embedded stand-in plays the agents: no network, no cost, about two seconds. Pass `process.env`
 * (the default) and set CODEGEN_API_TOKEN for real ones. What this process leaves unfinished, `troupe resume` goes on with.
 */
import { createOrchestrator, defineWorkflow } from 'troupe'

const workflow = defineWorkflow({
  name: 'release-notes',
  inputs: { version: { type: 'string', required: true } },
  defaults: { repository: 'acme/shop', timeout: '10m', retry: { attempts: 2, delay: '1s' } },
  tasks: {
    features: {
      role: 'Historian',
      prompt: 'List the features merged since the release before {{ inputs.version }}.',
      simulate: { duration: '4s', result: 'Gift cards. Login with e-mail and password.' },
    },
    fixes: {
      role: 'Historian',
      prompt: 'List the bugs fixed since the release before {{ inputs.version }}.',
      simulate: { duration: '6s', result: 'Refunds are rounded as the bank does.' },
    },
    notes: {
      role: 'TechnicalWriter',
      needs: ['features', 'fixes'],
      prompt: 'Write the notes of {{ inputs.version }}: {{ tasks.features.result }} {{ tasks.fixes.result }}',
      simulate: {
        duration: '5s',
        result: 'Gift cards and login are here; refunds are exact to the cent.',
        pullRequests: 1,
      },
    },
  },
})

const orchestrator = await createOrchestrator({ dataDir: process.argv[2] ?? '.troupe', env: {} })
try {
  // Told of every record once it is durable, in order.
  orchestrator.subscribe((_run, records) => {
    for (const { type, actor, from, to } of records) {
      if (type === 'transition') console.log(`${actor.id}: ${from ?? 'start'} -> ${to}`)
    }
  })
  const run = await orchestrator.start(workflow, { version: '2.4' }, { speed: 10 })
  const { status, exitCode, reason } = await orchestrator.settled(run)
  console.log(`${run} ${status}${reason === undefined ? '' : `: ${reason}`}`)
  for (const { task, url } of orchestrator.view(run).tasks) {
    console.log(`${task} (${url}): ${(await orchestrator.result(run, task)).result}`)
  }
  process.exitCode = exitCode
} finally {
  // Lets the folder go; agents that still run go on at their backend.
  await orchestrator.close()
}
