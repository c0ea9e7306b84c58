import type { Subscription, SubscriptionHandlers } from './watch-options.ts'
import type { StreamWatching } from './watching.ts'

/** Hands a watching's records to callbacks, one batch after the other. */
export function subscriptionTo(
  watching: StreamWatching,
  { onRecords, onError }: Pick<SubscriptionHandlers, 'onRecords' | 'onError'>,
): Subscription {
  const handOut = async () => {
    for await (const { records, cursor } of watching.entries()) await onRecords(records, cursor)
  }
  const ended = handOut()
  ended.catch((error: unknown) => onError?.(error))
  return {
    get cursor() {
      return watching.cursor
    },
    ended,
    close: () => watching.close(),
  }
}
