/** Names under which a payload may hold the id of an agent run. */
const ID_NAMES = ['agent_run_id', 'agentRunId', 'run_id', 'runId', 'id'] as const
/** What may hold them in its turn. */
const HOLDERS = ['data', 'agent_run', 'agentRun', 'run'] as const
/** As in `data.agent_run.id`. */
const DEEPEST = 2
const PLAUSIBLE_ID = /^[\w-]{1,64}$/

/** Why a payload tells of no agent run. */
export type PayloadTrouble = 'it is no JSON' | 'it names no agent run'

/** The ids in a payload that may be those of agent runs, each once. What form a payload has is documented nowhere. */
export function readRunIds(body: Uint8Array): readonly string[] | PayloadTrouble {
  let payload: unknown
  try {
    payload = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    return 'it is no JSON'
  }
  const ids = new Set(idsIn(payload, 0))
  return ids.size === 0 ? 'it names no agent run' : [...ids]
}

function idsIn(value: unknown, depth: number): readonly string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return []
  const fields = new Map<string, unknown>(Object.entries(value))
  const own = ID_NAMES.flatMap((name) => idOf(fields.get(name)) ?? [])
  if (depth === DEEPEST) return own
  return [...own, ...HOLDERS.flatMap((name) => idsIn(fields.get(name), depth + 1))]
}

function idOf(value: unknown): string | undefined {
  // A number that JSON could not hold exactly is that of another run.
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? String(value) : undefined
  return typeof value === 'string' && PLAUSIBLE_ID.test(value) ? value : undefined
}
