import { DataFolderError, type DataFolderTrouble } from '../domain/errors.ts'

const TROUBLE: Readonly<Record<string, DataFolderTrouble>> = {
  ENOSPC: 'full',
  EDQUOT: 'full',
  EFBIG: 'full',
  EROFS: 'read-only',
  EACCES: 'read-only',
  EPERM: 'read-only',
}

const ADVICE: Readonly<Record<'full' | 'read-only' | 'failed', string>> = {
  full: 'the disk is full. Nothing that was durable is lost: free some space, then continue',
  'read-only': 'it cannot be written to. Make it writable for this user, or choose another with --data-dir',
  failed: 'the system refused. Nothing that was durable is lost: look at the disk, then resume',
}

/** The system's code of an error (`ENOENT`), or undefined. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/**
 * Any error of a file call as a DataFolderError; one that is already such stays as it is.
 * `what` names what was tried: `Cannot write the journal`.
 */
export function toDataFolderError(error: unknown, folder: string, what: string): DataFolderError {
  if (error instanceof DataFolderError) return error
  const found = TROUBLE[errorCode(error) ?? '']
  const trouble = found === 'full' || found === 'read-only' ? found : 'failed'
  const reason = error instanceof Error ? error.message : String(error)
  return new DataFolderError(trouble, folder, `${what} in ${folder}: ${ADVICE[trouble]}. (${reason})`, { cause: error })
}
