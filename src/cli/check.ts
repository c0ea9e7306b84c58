/** What one check of `troupe doctor` found. */
export interface Check {
  readonly check: string
  readonly ok: boolean
  /** What is there; where something is wrong, what to do. */
  readonly message: string
}

/** A check that found nothing wrong. */
export function ok(check: string, message: string): Check {
  return { check, ok: true, message }
}

/** A check that found something a person has to do. */
export function trouble(check: string, message: string): Check {
  return { check, ok: false, message }
}
