import { z } from 'zod'
import { workflowSchema } from './schema.ts'

/** The text of workflow.schema.json: the workflow file as JSON Schema, for completion in editors. */
export function workflowJsonSchema(): string {
  const schema = z.toJSONSchema(workflowSchema, { io: 'input', unrepresentable: 'any' })
  return `${JSON.stringify(schema, null, 2)}\n`
}
