/**
 * An orchestrator and its server inside a program of one's own: it starts a run, follows it in the same process, and everybody
 * else can watch and command it over HTTP and WebSocket meanwhile.
 *
 *   npx tsx examples/embedding.ts [DATA_FOLDER]
 *
 * The server takes a free port of this machine. Without an account in `env`, the embedded stand-in plays the agents: no network,
 * no cost, about two seconds. Leave `env` out and set CODEGEN_API_TOKEN for real ones.
 */
import { createOrchestrator, defineWorkflow, type RunView, serve } from 'troupe'

const workflow = defineWorkflow({
  name: 'nightly-review',
  inputs: { branch: { type: 'string', required: true } },
  defaults: { repository: 'acme/shop', timeout: '10m', retry: { attempts: 2, delay: '1s' } },
  tasks: {
    security: {
      role: 'SecurityReviewer',
      prompt: 'Look for security faults on {{ inputs.branch }}.',
      simulate: { duration: '5s', result: 'The upload takes any file type.' },
    },
    speed: {
      role: 'PerformanceReviewer',
      prompt: 'Look for slow queries on {{ inputs.branch }}.',
      simulate: { duration: '3s', result: 'The basket is read twice.' },
    },
    summary: {
      needs: ['security', 'speed'],
      prompt: 'Sum up: {{ tasks.security.result }} {{ tasks.speed.result }}',
      simulate: { duration: '4s', result: 'Two findings: check uploads first.' },
    },
  },
})

const orchestrator = await createOrchestrator({ dataDir: process.argv[2] ?? '.troupe', env: {} })
const server = await serve(orchestrator, { port: 0 })
try {
  console.log(`Serving at ${server.url} (read ${server.url}/docs)`)
  // What an earlier process left unfinished goes on.
  await orchestrator.resume()

  // The key makes this safe to repeat: a commit is reviewed once, however often the program is started.
  const key = { key: 'review of 4f2a91c', fingerprint: JSON.stringify(workflow) }
  const run = await orchestrator.start(workflow, { branch: 'main' }, { speed: 10 }, key)
  orchestrator.subscribe((told, records) => {
    for (const { type, task, to } of records) {
      if (told === run && type === 'transition' && task !== undefined) console.log(`${task}: ${to}`)
    }
  })
  const { status, exitCode } = await orchestrator.settled(run)
  console.log(`${run} ${status}: ${(await orchestrator.result(run, 'summary')).result}`)

  // As anybody else sees it.
  const answer = await fetch(`${server.url}/v1/runs/${run}`)
  const view = (await answer.json()) as RunView
  console.log(view.tasks.map(({ task, state }) => `${task} ${state}`).join(', '))
  process.exitCode = exitCode
} finally {
  await server.close()
  // Lets the folder go; agents that still run go on at their backend.
  await orchestrator.close()
}
