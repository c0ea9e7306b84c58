/**
 * Reacts to what happens at a server: says when a task needs a person or fails, and how each run ends.
 *
 *   troupe serve
 *   npx tsx examples/watch-run.ts [URL] [RUN]
 *
 * Without RUN it watches all runs, those too that begin later, and goes on for ever; a lost connection is made again by itself. A
 * server that asks for a token gets the one in TROUPE_TOKEN.
 */
import { createClient } from 'troupe/client'

const [url = 'http://127.0.0.1:4600', only] = process.argv.slice(2)
const token = process.env['TROUPE_TOKEN']
const client = createClient({ url, ...(token === undefined ? {} : { token }) })

const records = client.watch({
  runs: only === undefined ? '*' : [only],
  types: ['transition'],
  after: only === undefined ? 'now' : 'start',
  onDisconnect: ({ error }) => console.error(`${error.message} Waiting for it.`),
})
for await (const { run, task, actor, to = '', data } of records) {
  if (task !== undefined && to.startsWith('escalated')) {
    const { why = to, commands } = await client.task(run, task)
    console.log(`${run} ${task} needs a person: ${why} It takes: ${commands.join(', ')}.`)
  } else if (task !== undefined && to === 'failed') {
    console.log(`${run} ${task} failed: ${JSON.stringify(data?.['failure'] ?? null)}`)
  }
  if (actor.kind === 'supervisor' && ['completed', 'failed', 'cancelled'].includes(to)) {
    console.log(`${run} ${to}`)
    if (run === only) break
  }
}
