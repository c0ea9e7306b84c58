/** What a log may hold, from most to nothing. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const

/** The least that is logged. */
export type LogLevel = (typeof LOG_LEVELS)[number]
