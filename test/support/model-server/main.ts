/**
 * The model server as a program: `npx tsx test/support/model-server/main.ts [--port N] [--script FILE] [--log]`. FILE is a script as
 * JSON (script.ts); without one every turn ends with a plain report. It prints its address when it listens and, with --log, each request
 * as a JSON line; SIGTERM or SIGINT ends it. A line `release NAME` on its standard input releases a hold.
 */
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { startModelServer } from './model-server.ts'
import type { Script } from './script.ts'

const { values } = parseArgs({
  options: { port: { type: 'string' }, script: { type: 'string' }, log: { type: 'boolean' } },
})
const script: Script = values.script === undefined ? {} : JSON.parse(readFileSync(values.script, 'utf8'))
const model = await startModelServer(script, { port: Number(values.port ?? 0) })
console.log(`model listening on ${model.url}`)
if (values.log) {
  const seen = new Set<number>()
  void model.until((request) => {
    if (request.outcome !== 'waiting' && !seen.has(request.number)) {
      seen.add(request.number)
      console.log(JSON.stringify(request))
    }
    return false
  })
}
const input = createInterface({ input: process.stdin })
input.on('line', (line) => {
  const name = /^release (.+)$/.exec(line.trim())?.[1]
  if (name !== undefined) model.release(name)
})
const end = () => void model.close().then(() => process.exit(0))
process.on('SIGTERM', end)
process.on('SIGINT', end)
