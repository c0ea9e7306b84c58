/**
 * The model check: two tasks and a manager against the provider, every order of what can happen, with a crash, a lost and a doubled
 * message; the real machines, stepped purely. What breaks an invariant is shown with the shortest way there.
 *
 *   npm run model [-- --all] [--most 5000000]
 */
import { parseArgs } from 'node:util'
import { EXPLORATIONS, FURTHER } from './explorations.ts'
import { explore } from './explore.ts'

const { values } = parseArgs({
  options: { all: { type: 'boolean', default: false }, most: { type: 'string', default: '5000000' } },
})
const began = performance.now()
const explorations = values.all ? [...EXPLORATIONS, ...FURTHER] : EXPLORATIONS
let worlds = 0
let violations = 0
let isWhole = true
for (const exploration of explorations) {
  const { violation, ...counts } = explore(exploration, Number(values.most))
  worlds += counts.worlds
  isWhole &&= counts.isWhole
  console.error(JSON.stringify(counts))
  if (violation === undefined) continue
  violations++
  console.error(`${violation.message}\n${violation.trace.map((step, at) => `${at + 1}. ${step}`).join('\n')}`)
}
const seconds = Math.round((performance.now() - began) / 100) / 10
console.log(JSON.stringify({ case: 'model', explorations: explorations.length, worlds, isWhole, violations, seconds }))
if (violations > 0 || !isWhole) process.exitCode = 1
