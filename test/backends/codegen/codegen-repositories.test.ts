import { describe, expect, it } from 'vitest'
import { createCodegenClient } from '../../../src/backends/codegen/codegen-client.ts'
import { createRepositoryFinder, listRepositories } from '../../../src/backends/codegen/codegen-repositories.ts'
import { createVirtualClock } from '../../../src/host/virtual-clock.ts'
import { createPassThroughLimiter } from '../../support/pass-through-limiter.ts'
import { createFakeCodegen } from './fake-codegen.ts'

const never = new AbortController().signal

/** 250 repositories; `meanwhile` changes them after the first page was read. */
function setUp(meanwhile: (repositories: string[]) => void = () => undefined) {
  const clock = createVirtualClock()
  const repositories = Array.from({ length: 250 }, (_, n) => `acme/repo${n}`)
  const fake = createFakeCodegen(clock, { repositories })
  let pages = 0
  fake.intercept = ({ path }) => {
    if (path.includes('/repos') && ++pages === 2) meanwhile(repositories)
    return undefined
  }
  const to = { baseUrl: 'https://codegen.test', token: 't', fetch: fake.fetch }
  const client = createCodegenClient({ ...to, clock, limiter: createPassThroughLimiter() })
  const find = createRepositoryFinder(client, clock, async () => '7', never)
  return { fake, client, find: (name: string) => find(name, never) }
}

describe('the repositories of an organization', () => {
  it('are read page by page', async () => {
    const { client, fake } = setUp()
    expect((await listRepositories(client, '7', never)).length).toBe(250)
    expect(fake.requests.map(({ path }) => path)).toEqual([
      'organizations/7/repos?skip=0&limit=100',
      'organizations/7/repos?skip=100&limit=100',
      'organizations/7/repos?skip=200&limit=100',
    ])
  })

  it('are listed once each though others arrive in front of them while the list is read', async () => {
    // The fake numbers them by place, so that those behind it are the same numbers again.
    const { client } = setUp((all) => void all.push('acme/late'))
    const names = (await listRepositories(client, '7', never)).map(({ fullName }) => fullName)
    expect([names.length, new Set(names).size, names.includes('acme/late')]).toEqual([251, 251, true])
  })

  it('are read again when one is taken away meanwhile, which would hide another', async () => {
    const { find } = setUp((all) => void all.splice(0, 1))
    expect(await find('acme/repo100')).toBe(100)
  })

  it('are named, ten at most, to who asks for one that is not there', async () => {
    const { find } = setUp()
    await expect(find('acme/nope')).rejects.toMatchObject({
      kind: 'refused',
      certain: true,
      message:
        "Codegen does not know the repository 'acme/nope'. Add it to the organization, or name one of its repositories: " +
        `${Array.from({ length: 10 }, (_, n) => `acme/repo${n}`).join(', ')} and 240 more.`,
    })
  })
})
