import { BackendError } from '../../domain/errors.ts'
import type { ConversationOptions } from '../local/conversation.ts'
import { findProgram } from '../local/find-program.ts'
import { isAnyIn, isChosenByPackage, VERSION_FILES } from '../local/read-first.ts'
import type { AcpProfile } from './acp-profile.ts'

/**
 * Resolves when an agent's process may be started: at once where that is safe before `whole`, and with what its session has to wait for then.
 * That rejects with BackendError `crashed` where another version of the agent would have been started later. Rejects as `whole` does.
 */
export async function untilStart(
  profile: AcpProfile,
  { cwd, env, clock }: ConversationOptions,
  whole: Promise<void> | undefined,
): Promise<{ readonly forSession?: Promise<void> }> {
  if (whole === undefined) return {}
  const program = profile.startsEarly === true ? await clock.operation(findProgram(profile.program, env)) : undefined
  if (profile.startsEarly !== true || (program !== undefined && isChosenByPackage(program))) {
    await whole
    return {}
  }
  const forSession = whole.then(async () => {
    if (!(await clock.operation(isAnyIn(cwd, VERSION_FILES)))) return
    const message = `${profile.id} was started before the files were there by which its version is chosen`
    throw new BackendError(message, { kind: 'crashed', retryable: true, certain: true })
  })
  // Its process has to be there before anybody waits for it.
  forSession.catch(() => {})
  return { forSession }
}
