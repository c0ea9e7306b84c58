import { ApiError } from './errors.ts'

/** What somebody who reached the API may do, and who that is. */
export interface Access {
  /** Name of the token that was used; absent where none was needed. */
  readonly who?: string
  readonly may: 'command' | 'watch'
  readonly via: 'control' | 'rest'
}

/** Whoever reaches the control socket owns the data folder. */
export const OWNER: Access = { may: 'command', via: 'control' }

/** Throws ApiError `forbidden` for whoever may only watch. */
export function demandCommand({ may, who }: Access): void {
  if (may === 'command') return
  throw new ApiError('forbidden', `The token '${who ?? ''}' may only read. Use one that may command.`)
}
