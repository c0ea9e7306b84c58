import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from './control-socket.ts'

const TEXT = `
name: feature
inputs:
  request: { type: string, required: true }
defaults: { repository: acme/shop }
tasks:
  spec: { role: Spec, prompt: "Specify {{ inputs.request }}" }
`

/** A small workflow that is valid, in a file of its own. */
export async function workflowFile(text = TEXT): Promise<string> {
  const file = join(await temporaryFolder(), 'feature.yaml')
  await writeFile(file, text)
  return file
}
