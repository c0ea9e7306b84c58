import { z } from 'zod'
import { UsageError } from '../domain/errors.ts'
import type { WorkflowDefinition } from '../workflow/define.ts'
import { workflowSchema } from '../workflow/schema.ts'
import { describeIssues } from './errors.ts'
import { components } from './schemas/component.ts'
import { resolvedWorkflow } from './schemas/resolved-workflow.ts'
import { ownSettings, runSettings } from './schemas/settings.ts'
import { jsonObject, runId } from './schemas/values.ts'

components.add(workflowSchema, { id: 'WorkflowDefinition' })

// Only that it is an object: what is wrong inside is said with its place when the workflow is loaded.
const definition = z
  .custom<WorkflowDefinition>((value) => jsonObject.safeParse(value).success)
  .meta({ $ref: '#/components/schemas/WorkflowDefinition' })

const MAX_INPUTS = 1000
const inputs = jsonObject
  .refine((given) => Object.keys(given).length <= MAX_INPUTS, { error: `may be at most ${MAX_INPUTS}` })
  .meta({ type: 'object', description: 'By the names that the workflow declares.' })

/** Body of `POST /v1/runs`. */
export const startRequest = z
  .strictObject({
    workflow: z
      .union([definition, z.string().describe('YAML or JSON, as in a workflow file.')], {
        error: 'must be a workflow: an object, or its YAML or JSON text',
      })
      .describe('What to run. Images of a posted workflow must be data URIs.')
      .exactOptional(),
    file: z
      .string()
      .min(1)
      .max(1000)
      .describe('Instead of `workflow`: a file of the server’s folder, as `GET /v1/workflows` lists it.')
      .exactOptional(),
    inputs: inputs.exactOptional(),
    settings: runSettings.exactOptional(),
  })
  .refine(({ workflow, file }) => (workflow === undefined) !== (file === undefined), {
    error: 'give either workflow or file',
  })
  .meta({ oneOf: [{ required: ['workflow'] }, { required: ['file'] }] })
components.add(startRequest, { id: 'StartRequest' })
export type StartRequest = z.infer<typeof startRequest>

const resolvedStart = z.strictObject({ resolved: resolvedWorkflow, inputs: jsonObject, settings: ownSettings })
/** Body of `POST /v1/runs` on the control socket: the workflow and its inputs were checked by the caller. */
export type ResolvedStart = z.infer<typeof resolvedStart>

/** Body of `POST /v1/runs/resume`. */
export const resumeRequest = z.strictObject({
  run: runId.describe('Only this one; all unfinished runs without it.').exactOptional(),
  settings: runSettings.describe('Replaces what the run was started with.').exactOptional(),
})
components.add(resumeRequest, { id: 'ResumeRequest' })

/** What `schema` makes of a value. Throws UsageError with what is wrong; `what` is the subject of its message. */
export function checked<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new UsageError(`${what} cannot be used: ${describeIssues(parsed.error)}.`)
}

/** A start that was resolved by the caller, or undefined for one that was not. Throws UsageError. */
export function parseResolvedStart(body: unknown): ResolvedStart | undefined {
  const resolved = typeof body === 'object' && body !== null && 'resolved' in body
  return resolved ? checked(resolvedStart, body, 'The request') : undefined
}
