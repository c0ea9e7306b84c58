import { type Logger, pino } from 'pino'
import { realClock } from '../host/clock.ts'
import type { LogLevel } from './log-level.ts'
import { createLogSink, type LogSink } from './log-sink.ts'
import { loggableFields } from './loggable.ts'
import { createScrub, type Scrub } from './scrub.ts'

/** What a line says beside its message. Errors are told with code, message and stack. */
export type LogFields = Readonly<Record<string, unknown>>

/**
 * A log of JSON lines. Whatever it is given: secrets are taken out, URLs lose their query, long text is cut, and nothing that
 * goes wrong with the log is noticed by who writes to it.
 */
export interface Log {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
  /** A log whose lines all say `fields`. */
  child(fields: LogFields): Log
}

/** How a log is made. */
export interface LogOptions {
  readonly level: LogLevel
  /** Takes a line with its newline; default: standard error, the last lines of a process included. */
  readonly write?: (line: string) => void
  /** Values that must never be seen, however they come in. */
  readonly secrets?: readonly string[]
}

/** Names of what every line has. */
const OWN = new Set(['level', 'time', 'pid', 'message'])

/** Makes a log. */
export function createLog({ level, write, secrets = [] }: LogOptions): Log {
  const to = write ?? writeToStandardError()
  const logger = pino(
    {
      level,
      base: { pid: process.pid },
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // What is logged is plain already; pino's own would read an error's fields anew.
      serializers: { err: (value: unknown) => value },
    },
    {
      write(line: string) {
        try {
          to(line)
        } catch {
          // Nobody is left who could be told.
        }
      },
    },
  )
  return new PinoLog(logger, createScrub(secrets))
}

class PinoLog implements Log {
  readonly #logger: Logger
  readonly #scrub: Scrub

  constructor(logger: Logger, scrub: Scrub) {
    this.#logger = logger
    this.#scrub = scrub
  }

  debug(fields: LogFields, message: string): void {
    this.#say('debug', fields, message)
  }

  info(fields: LogFields, message: string): void {
    this.#say('info', fields, message)
  }

  warn(fields: LogFields, message: string): void {
    this.#say('warn', fields, message)
  }

  error(fields: LogFields, message: string): void {
    this.#say('error', fields, message)
  }

  child(fields: LogFields): Log {
    return new PinoLog(this.#logger.child(this.#plain(fields)), this.#scrub)
  }

  #say(level: 'debug' | 'info' | 'warn' | 'error', fields: LogFields, message: string): void {
    if (this.#logger.isLevelEnabled(level)) this.#logger[level](this.#plain(fields), this.#scrub(String(message)))
  }

  #plain(fields: LogFields): Record<string, unknown> {
    const plain = Object.entries(loggableFields(fields, this.#scrub))
    return Object.fromEntries(plain.map(([name, value]) => [OWN.has(name) ? `${name}_` : name, value]))
  }
}

let standardError: LogSink | undefined

/** One sink a process, however many logs: each would wait for its end. */
function writeToStandardError(): (line: string) => void {
  // Opening the stream keeps a pipe whose reader has stopped from blocking this process.
  const { stderr } = process
  // In a worker thread it is no file.
  if (typeof stderr.fd !== 'number') return (line) => void stderr.write(line)
  if (standardError === undefined) {
    const sink = createLogSink(stderr.fd, realClock)
    process.on('exit', () => sink.flush())
    standardError = sink
  }
  const { write } = standardError
  return write
}
