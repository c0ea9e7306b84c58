import type { AgentOrder } from '../../domain/backend.ts'
import { BackendError } from '../../domain/errors.ts'
import type { CodegenAccount } from './codegen-account.ts'
import type { CodegenModel } from './codegen-account-schemas.ts'
import { listNames } from './codegen-errors.ts'
import { listRepositories, unknownRepository } from './codegen-repositories.ts'

/**
 * What a person should be told of a create that was refused: where the model or the repository of the order is none that the account
 * has, its name and those that there are. Else the error as it came. Creates that are not refused cost no look-up.
 */
export async function explainRefusal(
  error: unknown,
  order: Pick<AgentOrder, 'model' | 'repository'>,
  account: Pick<CodegenAccount, 'models' | 'repositories'>,
  organization: string,
  signal: AbortSignal,
): Promise<unknown> {
  if (!(error instanceof BackendError) || !error.certain) return error
  if (error.kind !== 'invalid' && error.kind !== 'refused') return error
  try {
    const { model, repository } = order
    if (model !== undefined) {
      const { models } = await account.models(organization, signal)
      if (models.length > 0 && !models.some(({ value }) => value === model)) return unknownModel(model, models, error)
    }
    if (repository !== undefined && /^\d+$/.test(repository)) {
      const known = await listRepositories(account, organization, signal)
      if (!known.some(({ id }) => id === Number(repository))) return unknownRepository(repository, known, error.status)
    }
  } catch (failure) {
    signal.throwIfAborted()
    if (!(failure instanceof BackendError)) throw failure
    // The refusal itself matters more than why it could not be explained.
  }
  return error
}

function unknownModel(model: string, models: readonly CodegenModel[], cause: BackendError): BackendError {
  const names = models.map(({ value }) => value)
  return new BackendError(`Codegen does not know the model '${model}'. There are: ${listNames(names)}.`, {
    kind: 'refused',
    retryable: false,
    certain: true,
    cause,
    ...(cause.status === undefined ? {} : { status: cause.status }),
  })
}
