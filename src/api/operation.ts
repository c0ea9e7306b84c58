import type { z } from 'zod'
import type { Json } from '../domain/json.ts'
import type { Access } from './access.ts'
import type { ErrorCode } from './errors.ts'

/** What comes back with one status. */
export interface AnswerSpec {
  readonly description: string
  /** Absent: no JSON comes back. */
  readonly schema?: z.ZodType
  /** Where it is not application/json. */
  readonly mediaType?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly example?: Json
}

/** A header that an operation reads. */
export interface HeaderSpec {
  readonly description: string
  readonly pattern?: string
}

/** One operation of the API: its route, its checks and its documentation are made from this. */
export interface Operation {
  readonly method: 'get' | 'post' | 'delete'
  /** As in OpenAPI: `/v1/runs/{run}`. */
  readonly path: string
  readonly tag: string
  readonly summary: string
  readonly description?: string
  /** `anyone` needs no token. */
  readonly may: 'anyone' | 'watch' | 'command'
  readonly query?: z.ZodObject
  /** `handler`: the query is only described here; lists are given by repeating a name. */
  readonly queryBy?: 'handler'
  readonly headers?: Readonly<Record<string, HeaderSpec>>
  readonly body?: z.ZodType
  /** Of the body. */
  readonly examples?: Readonly<Record<string, Json>>
  readonly answers: Readonly<Record<number, AnswerSpec>>
  /** Codes that belong to this operation, beside those of every one. */
  readonly errors?: readonly ErrorCode[]
  /** A GET whose answer has an ETag. */
  readonly tagged?: true
}

/** What a handler is asked: everything is checked. */
export interface Asked<O extends Operation> {
  readonly params: Readonly<Record<ParamNames<O['path']>, string>>
  readonly query: O extends { readonly queryBy: 'handler' }
    ? undefined
    : O extends { readonly query: z.ZodType<infer Query> }
      ? Query
      : undefined
  readonly body: O extends { readonly body: z.ZodType<infer Body> } ? Body : undefined
  readonly access: Access
  readonly request: Request
}

/** What a handler answers: a status of the operation with what belongs to it, or a whole response. */
export type Answer<O extends Operation> =
  | Response
  | { [S in keyof O['answers']]: AnswerOf<S, O['answers'][S]> }[keyof O['answers']]

type AnswerOf<S, A> = A extends { readonly schema: z.ZodType<infer Body> }
  ? { readonly status: S; readonly body: Body; readonly headers?: Readonly<Record<string, string>> }
  : never

export type Handler<O extends Operation> = (asked: Asked<O>) => Answer<O> | Promise<Answer<O>>

type ParamNames<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParamNames<Rest>
  : never
