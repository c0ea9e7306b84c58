import { listRepositories } from '../backends/codegen/codegen-repositories.ts'
import { type CodegenFlags, withCodegen } from './codegen-account.ts'
import { writeList, writeOne } from './codegen-output.ts'
import type { CliContext } from './context.ts'

/** Says whose token it is. */
export function meCommand(context: CliContext, flags: CodegenFlags): Promise<number> {
  return withCodegen(context, flags, async ({ client, signal }) => {
    const me = await client.me(signal)
    const more = me.email === null ? '' : `, ${me.email}`
    writeOne(context, flags, { ...me }, `${me.name ?? 'Nameless'} (user ${me.id}${more})`)
  })
}

/** Lists the organizations that the token may use. */
export function organizationsCommand(context: CliContext, flags: CodegenFlags): Promise<number> {
  return withCodegen(context, flags, async ({ client, signal }) => {
    const rows = (await client.organizations(signal)).map((one) => ({ ...one }))
    writeList(context, flags, ['id', 'name'], rows, 'The token belongs to no organization.')
  })
}

/** Lists the repositories of the organization. */
export function repositoriesCommand(context: CliContext, flags: CodegenFlags): Promise<number> {
  return withCodegen(context, flags, async ({ client, signal, organization }) => {
    const rows = (await listRepositories(client, await organization(), signal)).map(({ id, name, fullName }) => {
      return { id, repository: fullName ?? name }
    })
    writeList(context, flags, ['id', 'repository'], rows, 'The organization has no repositories.')
  })
}

/** Lists the models that a task may name. */
export function modelsCommand(context: CliContext, flags: CodegenFlags): Promise<number> {
  return withCodegen(context, flags, async ({ client, signal, organization }) => {
    const { models, defaultModel } = await client.models(await organization(), signal)
    const rows = models.map(({ value, label, provider }) => {
      return { model: value, label, provider, default: value === defaultModel }
    })
    writeList(context, flags, ['model', 'label', 'provider', 'default'], rows, 'Codegen names no models.')
  })
}
