import { HTTPException } from 'hono/http-exception'

/** Which of the two error bodies seen in clients the stand-in sends. */
export type ErrorShape = 'message' | 'detail'

type RefusalStatus = 401 | 402 | 403 | 404 | 429 | 500

/** One entry of a 422's `detail`. */
export interface InvalidInput {
  readonly loc: readonly (string | number)[]
  readonly msg: string
  readonly type: string
}

const MESSAGES: Readonly<Record<RefusalStatus, string>> = {
  401: 'Invalid or missing API token.',
  402: 'Alloted agent runs for the current billing plan have been reached. Please upgrade your plan to continue.',
  403: 'You do not have access to this organization.',
  404: 'Agent run not found.',
  429: 'Rate limit exceeded. Please try again later.',
  500: 'Internal Server Error',
}

/** The answer to a request that cannot be carried out, in the shape of the API's error schemas. */
export function refusal(
  status: RefusalStatus,
  shape: ErrorShape,
  options: { message?: string; headers?: Record<string, string> } = {},
): HTTPException {
  return thrown(status, { [shape]: options.message ?? MESSAGES[status], status_code: status }, options.headers)
}

/** A 422 as FastAPI sends it. */
export function invalid(detail: readonly InvalidInput[]): HTTPException {
  return thrown(422, { detail })
}

function thrown(status: RefusalStatus | 422, body: object, headers: Record<string, string> = {}): HTTPException {
  return new HTTPException(status, { res: Response.json(body, { status, headers }) })
}
