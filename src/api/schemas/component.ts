import { z } from 'zod'

/** The schemas that the OpenAPI document names, by their id. */
export const components = z.registry<{ id: string }>()

/**
 * Names the schema of `T` in the document. It does not compile unless the two have the same shape: neither has a property that
 * the other lacks, and what is optional in one is so in the other.
 */
export function component<T>(id: string) {
  return <S extends z.ZodType<T>>(schema: S, ..._drift: SameShape<z.output<S>, T> extends true ? [] : [never]) => {
    components.add(schema, { id })
    return schema as z.ZodType<T>
  }
}

/** Whether two types have the same properties all the way down, `readonly` aside. */
export type SameShape<A, B> = [Shape<A>] extends [Shape<B>] ? ([Shape<B>] extends [Shape<A>] ? true : false) : false

// An optional property is made a required one of another type: else an object without it would pass for one with it.
type Shape<T> = T extends readonly (infer Item)[]
  ? { readonly items: Shape<Item> }
  : T extends object
    ? string extends keyof T
      ? T
      : {
          readonly [K in keyof T]-?: {
            readonly optional: undefined extends T[K] ? 'or undefined' : IsOptional<T, K>
            readonly value: Shape<T[K]>
          }
        }
    : T

type IsOptional<T, K extends keyof T> = Record<never, never> extends Pick<T, K> ? true : false
