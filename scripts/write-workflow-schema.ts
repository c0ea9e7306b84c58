// Writes workflow.schema.json from the schema in src/workflow/schema.ts: `npx tsx scripts/write-workflow-schema.ts`.
import { writeFile } from 'node:fs/promises'
import { workflowJsonSchema } from '../src/workflow/json-schema.ts'

await writeFile(new URL('../workflow.schema.json', import.meta.url), workflowJsonSchema())
