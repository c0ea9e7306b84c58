/**
 * The model check: two tasks and a manager against the provider, every order of what can happen, with a crash, a lost and a doubled
 * message; the real machines, stepped purely.
 *
 *   npm run model [-- --most 200000]
 */
import { parseArgs } from 'node:util'
import { EXPLORATIONS } from './explorations.ts'
import { explore } from './explore.ts'

const { values } = parseArgs({ options: { most: { type: 'string', default: '400000' }, only: { type: 'string' } } })
const began = performance.now()
let worlds = 0
let violations = 0
for (const exploration of EXPLORATIONS) {
  if (values.only !== undefined && exploration.name !== values.only) continue
  const explored = explore(exploration, Number(values.most))
  const { violation, ...counts } = explored
  worlds += counts.worlds
  console.error(JSON.stringify(counts))
  if (violation === undefined) continue
  violations++
  console.error(`${violation.message}\n${violation.trace.map((step, at) => `${at + 1}. ${step}`).join('\n')}`)
}
const seconds = Math.round((performance.now() - began) / 100) / 10
console.log(JSON.stringify({ case: 'model', explorations: EXPLORATIONS.length, worlds, violations, seconds }))
if (violations > 0) process.exitCode = 1
