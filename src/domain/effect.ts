/** What an effect is given besides its input. */
export interface EffectScope {
  /** Aborted when the state that owes the effect is left. */
  readonly signal: AbortSignal
  /** True when the effect may have been carried out before a restart: look before writing to the outside. */
  readonly restarted: boolean
}

/** One named effect. Safe to call again with the same input; rejects with a plain Failure or an error. */
export type Effect<Input, Output> = (input: Input, scope: EffectScope) => Promise<Output>
