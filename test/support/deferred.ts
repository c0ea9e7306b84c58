/** A promise that the test settles. */
export interface Deferred {
  readonly promise: Promise<void>
  resolve(): void
  reject(error: Error): void
}

/** A promise, and how it is settled. */
export function deferred(): Deferred {
  let resolve = () => {}
  let reject = (_error: Error) => {}
  const promise = new Promise<void>((resolved, rejected) => {
    resolve = resolved
    reject = rejected
  })
  // Whoever waits for it may not have come to that yet.
  promise.catch(() => {})
  return { promise, resolve: () => resolve(), reject: (error) => reject(error) }
}
