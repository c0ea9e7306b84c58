// Draws the state machines for the page /machines: `npm run machines`. A test fails when a machine changed and this did not run.
import { writeFile } from 'node:fs/promises'
import { drawMachines } from './drawn-machines.ts'

for (const [name, text] of await drawMachines()) {
  await writeFile(new URL(`../src/server/assets/${name}`, import.meta.url), text)
}
