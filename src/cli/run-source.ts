import type { ControlClient } from '../client/control-client.ts'
import { UsageError } from '../domain/errors.ts'
import type { DataFolderReader } from '../domain/orchestration.ts'
import type { CliContext } from './context.ts'

/** Whoever tells of runs and brings their records: the holder of a folder, or a server. */
export type WatchSource = Pick<ControlClient, 'runs' | 'view' | 'result' | 'work' | 'watch'>

/** What can be read of runs, whoever tells it. */
export type RunSource = Pick<DataFolderReader, 'runs' | 'view' | 'result'>

/** The server at `url`, asked with the token of the environment. Throws UsageError for what is no URL. */
export async function openServer(url: string, { env }: Pick<CliContext, 'env'>): Promise<WatchSource> {
  const { createClient } = await import('../client/index.ts')
  const token = env['TROUPE_TOKEN']
  try {
    const { run, ...client } = createClient({ url, ...(token ? { token } : {}) })
    return { ...client, view: run }
  } catch (cause) {
    throw new UsageError(`--url ${url}: write it as in http://127.0.0.1:4600.`, { cause })
  }
}
