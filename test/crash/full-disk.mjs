/**
 * Preloaded into a `troupe` process: from the write on that TROUPE_FULL_FROM counts, the disk is full. A real small disk would not be
 * full at a chosen write.
 */
import fs from 'node:fs'
import promises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

const from = Number(process.env['TROUPE_FULL_FROM'])
let writes = 0

function refuseWhenFull() {
  if (++writes >= from) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
}

const probe = await promises.open(new URL(import.meta.url), 'r')
const prototype = Object.getPrototypeOf(probe)
await probe.close()
const { write } = prototype
prototype.write = async function (...rest) {
  refuseWhenFull()
  return write.apply(this, rest)
}
const { writeSync } = fs
fs.writeSync = (descriptor, ...rest) => {
  if (descriptor > 2) refuseWhenFull()
  return writeSync(descriptor, ...rest)
}
syncBuiltinESMExports()
