/**
 * Installs the real agents that some tests need: `npm run agents:install`. They go into TROUPE_AGENTS_DIR or a folder of the user's
 * cache, about 1.4 GB; where they are already it does nothing. Exit codes: 0 they are there, 1 they could not be installed.
 */
import { InstallationError, installAgents } from './agent-installation.ts'
import { agentsFolder, PINNED_AGENTS } from './pinned-agents.ts'

const TIMEOUT_MS = 10 * 60_000

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort())
const folder = agentsFolder(process.env)
const names = Object.entries(PINNED_AGENTS).map(([name, version]) => `${name} ${version}`)
try {
  const outcome = await installAgents({ folder, npm: ['npm'], timeoutMs: TIMEOUT_MS, signal: stop.signal })
  console.log(`${names.join(', ')}: ${outcome}, in ${folder}`)
} catch (error) {
  const reason = error instanceof InstallationError ? error.message : String(error)
  console.error(`The agents are not installed: ${reason}\nTests that need them are skipped until they are.`)
  process.exitCode = 1
}
