/**
 * Adds to package-lock.json the optional platform packages that its packages name and that it lacks. npm leaves them out where its
 * registry does not have them, and `npm ci` then refuses the lock. Run it after `npm install`: `npx tsx scripts/complete-lock.ts`.
 */
import { readFileSync, writeFileSync } from 'node:fs'

interface Entry {
  readonly version?: string
  readonly dev?: boolean
  readonly license?: string
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const SYSTEMS = ['linux', 'darwin', 'win32', 'android', 'freebsd', 'openbsd', 'netbsd', 'openharmony', 'sunos', 'aix']
const PROCESSORS = ['arm64', 'x64', 'ia32', 'arm', 'loong64', 'ppc64', 'riscv64', 's390x', 'wasm32', 'mips64el']

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, Entry> }
const missing: Record<string, Entry> = {}
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const known = lock.packages[`node_modules/${name}`] ?? lock.packages[`${path}/node_modules/${name}`]
    const platform = known === undefined && /^\d/.test(version) ? platformOf(name) : undefined
    if (platform === undefined) continue
    missing[`node_modules/${name}`] = {
      version,
      ...platform,
      ...(entry.dev === true ? { dev: true } : {}),
      ...(entry.license === undefined ? {} : { license: entry.license }),
      optional: true,
    } as Entry
  }
}
const packages = Object.entries({ ...lock.packages, ...missing }).sort(([a], [b]) => (a < b ? -1 : 1))
writeFileSync('package-lock.json', `${JSON.stringify({ ...lock, packages: Object.fromEntries(packages) }, null, 2)}\n`)
console.log(`${Object.keys(missing).length} platform packages added`)

/** What the name of a platform package says; undefined when it is none. */
function platformOf(name: string): object | undefined {
  const words = (name.split('/').at(-1) ?? '').split('-')
  const os = words.find((word) => SYSTEMS.includes(word))
  if (os === undefined) return undefined
  const cpu = PROCESSORS.find((processor) => words.some((word) => word === processor || word === `${processor}gnu`))
  const musl = words.some((word) => word.startsWith('musl'))
  const glibc = os === 'linux' && words.some((word) => word.startsWith('gnu'))
  return {
    os: [os],
    ...(cpu === undefined ? {} : { cpu: [cpu] }),
    ...(musl ? { libc: ['musl'] } : glibc ? { libc: ['glibc'] } : {}),
  }
}
