import { z } from 'zod'
import { anything, count, id, isRecord, link, nullableText } from './codegen-schemas.ts'

/** The user whom a token belongs to. */
export interface CodegenUser {
  readonly id: string
  /** How the user is called, by whichever name there is. */
  readonly name: string | null
  readonly email: string | null
}

export interface CodegenOrganization {
  readonly id: string
  readonly name: string | null
}

/** A repository of an organization; its id is a number because a create takes no other. */
export interface CodegenRepository {
  readonly id: number
  readonly name: string | null
  /** `owner/name`. */
  readonly fullName: string | null
}

/** What an organization's agent runs may be thought with. */
export interface CodegenModels {
  readonly models: readonly CodegenModel[]
  readonly defaultModel: string | null
}

export interface CodegenModel {
  /** As a create names it. */
  readonly value: string
  readonly label: string | null
  readonly provider: string | null
}

/** An agent run that the API started for a purpose of its own. */
export interface StartedAgentRun {
  readonly id: string
  readonly status: string | null
  readonly url: string | null
  readonly message: string | null
}

/** The organization's webhook. */
export interface CodegenWebhookSettings {
  /** Null: there is none. */
  readonly url: string | null
  readonly enabled: boolean
  readonly hasSecret: boolean
}

export const userSchema = z
  .object({ id, full_name: nullableText, github_username: nullableText, email: nullableText })
  .transform(
    (user): CodegenUser => ({
      id: user.id,
      name: user.full_name || user.github_username,
      email: user.email,
    }),
  )

/** A page of organizations. */
export const organizationPageSchema = z.object({ items: z.array(z.object({ id, name: nullableText })) })

const numericId = z.union([z.number(), z.string().regex(/^\d+$/).transform(Number)]).pipe(z.number().int())

/** A page of repositories. */
export const repositoryPageSchema = z.object({
  items: z.array(
    z
      .object({ id: numericId, name: nullableText, full_name: nullableText })
      .transform(({ full_name: fullName, ...rest }): CodegenRepository => ({ ...rest, fullName })),
  ),
  total: count,
})

/** Models of all providers in one list; what has no value cannot be asked for. */
export const modelsSchema = z.object({ providers: z.array(anything), default_model: nullableText }).transform(
  ({ providers, default_model: defaultModel }): CodegenModels => ({
    models: providers.filter(isRecord).flatMap(modelsOf),
    defaultModel,
  }),
)

/** An answer to a request that starts an agent run. */
export const startedRunSchema = z
  .object({ agent_run_id: id, status: nullableText, url: link, message: nullableText })
  .transform(({ agent_run_id, ...rest }): StartedAgentRun => ({ id: agent_run_id, ...rest }))

export const webhookSettingsSchema = z.object({ url: nullableText, enabled: anything, has_secret: anything }).transform(
  ({ url, enabled, has_secret }): CodegenWebhookSettings => ({
    url: url || null,
    enabled: enabled === true,
    hasSecret: has_secret === true,
  }),
)

function modelsOf(provider: Readonly<Record<string, unknown>>): CodegenModel[] {
  const models = Array.isArray(provider['models']) ? provider['models'] : []
  return models.filter(isRecord).flatMap(({ value, label }) => {
    if (typeof value !== 'string' || value === '') return []
    return [{ value, label: textOrNull(label), provider: textOrNull(provider['name']) }]
  })
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}
