import type { Hono } from 'hono'
import { USER_ID } from './agent-routes.ts'
import { ORGANIZATION_ID } from './answers.ts'
import { type ErrorShape, refusal } from './errors.ts'
import type { StandInEnv } from './faults.ts'
import type { Gate } from './gate.ts'
import { pageOf, pathInteger, readPaging } from './input.ts'

const ORGANIZATIONS = [
  {
    id: ORGANIZATION_ID,
    name: 'Stand-in',
    settings: { enable_pr_creation: true, enable_rules_detection: true },
  },
]

const USERS = [
  {
    id: USER_ID,
    email: 'troupe@stand-in.invalid',
    github_user_id: '1001',
    github_username: 'troupe',
    avatar_url: null,
    full_name: 'Troupe',
    role: 'ADMIN',
    is_admin: true,
  },
  {
    id: USER_ID + 1,
    email: null,
    github_user_id: '1002',
    github_username: 'colleague',
    avatar_url: null,
    full_name: null,
    role: 'MEMBER',
    is_admin: null,
  },
]

const MODELS = {
  providers: [
    {
      name: 'Stand-in',
      models: [
        { label: 'Understudy', value: 'understudy-1' },
        { label: 'Understudy (small)', value: 'understudy-1-small' },
      ],
    },
  ],
  default_model: 'understudy-1',
}

/** Whether a model is listed. */
export function isModel(name: string): boolean {
  return MODELS.providers.some(({ models }) => models.some(({ value }) => value === name))
}

/** Adds organizations, users, repositories and models. `repositories` are full names; their ids count from 1. */
export function addAccountRoutes(
  app: Hono<StandInEnv>,
  parts: { gate: Gate; shape: ErrorShape; repositories: () => readonly string[] },
): void {
  const { gate, shape } = parts
  const standard = gate.limited('standard')

  app.get('/v1/organizations', standard, (c) => {
    const paging = readPaging(c)
    return c.json(pageOf(cut(ORGANIZATIONS, paging), ORGANIZATIONS.length, paging))
  })
  app.get('/v1/users/me', standard, (c) => c.json(USERS[0]))
  app.get('/v1/organizations/:org_id/users', standard, (c) => {
    const paging = readPaging(c)
    return c.json(pageOf(cut(USERS, paging), USERS.length, paging))
  })
  app.get('/v1/organizations/:org_id/users/:user_id', standard, (c) => {
    const id = pathInteger(c, 'user_id')
    const user = USERS.find((one) => one.id === id)
    if (user === undefined) throw refusal(404, shape, { message: 'User not found.' })
    return c.json(user)
  })
  app.get('/v1/organizations/:org_id/repos', standard, (c) => {
    const paging = readPaging(c)
    const repositories = parts.repositories().map(repositoryAnswer)
    return c.json(pageOf(cut(repositories, paging), repositories.length, paging))
  })
  app.get('/v1/organizations/:org_id/models', standard, (c) => c.json(MODELS))
}

function cut<T>(items: readonly T[], { skip, limit }: { skip: number; limit: number }): readonly T[] {
  return items.slice(skip, skip + limit)
}

function repositoryAnswer(fullName: string, index: number) {
  return {
    id: index + 1,
    name: fullName.split('/').at(-1) ?? fullName,
    full_name: fullName,
    description: null,
    github_id: String(900_001 + index),
    organization_id: ORGANIZATION_ID,
    visibility: index % 2 === 0 ? 'private' : null,
    archived: index % 2 === 0 ? false : null,
    setup_status: 'COMPLETE',
    language: 'TypeScript',
  }
}
