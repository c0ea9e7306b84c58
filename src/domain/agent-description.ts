/** How local agents are described without code: what `agents:` in troupe.config.yaml is made of. Plain JSON. */
import type { BackendErrorKind } from './backend.ts'

/** Agents of this machine, by name: `command:NAME` and `acp:NAME` are their backends. */
export interface AgentDescriptions {
  readonly command: Readonly<Record<string, CommandDescription>>
  readonly acp: Readonly<Record<string, AcpDescription>>
}

/**
 * What every description may say. One that has the name of a preset (`claude`, `codex`) replaces only what it says; any other must
 * say at least `program`.
 */
export interface AgentDescription {
  /** What is started: a name that is looked up on PATH, or an absolute path. No shell reads it. */
  readonly program?: string
  /** Further arguments of a preset's command line. */
  readonly extraArgs?: readonly string[]
  /** The model of tasks that name none. */
  readonly model?: string
  /**
   * `private`: each attempt has a HOME of its own, without the user's logins and settings. Otherwise it is the user's, where the agent's
   * login is.
   */
  readonly home?: 'private'
  /** Names of environment variables that it is given where they are set, beside PATH, HOME, LANG and the like. */
  readonly env?: readonly string[]
  /** Variables that it is always given, with their values. Keys belong into the environment: name them in `env`. */
  readonly set?: Readonly<Record<string, string>>
  /** How much memory one of it takes with the tools that it runs, MB; how many may run at once follows from it. */
  readonly memoryMb?: number
  /** The arguments that make it print its version: `['--version']` where nothing is said. */
  readonly version?: readonly string[]
  /** How to install it, as a sentence for somebody who does not have it: `Install it with npm install -g ...`. */
  readonly install?: string
}

/** An agent that speaks the Agent Client Protocol on its standard input and output. */
export interface AcpDescription extends AgentDescription {
  /** The arguments that make it speak the protocol, such as `['acp']`. */
  readonly args?: readonly string[]
  /**
   * The id of the mode that its sessions work in. Choose one in which it asks for permission: what is allowed is decided then by
   * `permissions` of the workflow. Nothing is set where nothing is said.
   */
  readonly mode?: string
  /** Whether it takes `_session/steering`, where it does not say so itself when it starts. */
  readonly steer?: boolean
  /** Whether it can go on with a session in a new process; true where nothing is said. */
  readonly resume?: boolean
  /** Whether it tells what it uses; true where nothing is said. */
  readonly usage?: boolean
  /** How to log in, as a sentence for somebody who is not: `Run foo login.` */
  readonly login?: string
  /** The method of `authenticate` that is tried where it demands a login and one of these variables is set. */
  readonly keyLogin?: { readonly method: string; readonly variables: readonly string[] }
  /** The signal that ends it where it goes on after its standard input was closed; SIGTERM where nothing is said. */
  readonly stopSignal?: 'SIGINT' | 'SIGTERM'
}

/**
 * An agent that is started once a turn: it is given a prompt, works in the folder it is started in, prints, and ends. One that has a
 * preset's name and says `args` or `output` is an agent of its own that only has that name.
 */
export interface CommandDescription extends AgentDescription {
  /** The arguments of an attempt's first turn. */
  readonly args?: readonly CommandArgument[]
  /**
   * The arguments of later turns, which go on with its session. Where it is absent, and as long as no session is known, each turn is
   * started with `args` and begins anew in the same worktree.
   */
  readonly resume?: readonly CommandArgument[]
  /**
   * How it is given the prompt: written to its standard input, which is then closed (the default), or as an argument, by `{prompt}`.
   * Systems bound an argument (Linux: 128 KB); where a prompt is longer, the turn fails and says so.
   */
  readonly prompt?: 'stdin' | 'argument'
  /** How its standard output is read: all of it is the answer (`text`, the default), or each line of it is a JSON object. */
  readonly output?: 'text' | JsonLines
  /** The exit codes of a turn that is complete; `[0]` where nothing is said. */
  readonly exitCodes?: readonly number[]
  /** The signal that ends it together with the tools that it runs; SIGTERM where nothing is said. */
  readonly stopSignal?: 'SIGINT' | 'SIGTERM'
}

/**
 * One argument, or several that belong together, such as `['--model', '{model}']`. These stand for themselves or for a part of an
 * argument: `{prompt}`, `{session}` (the session to go on with), `{uuid}` (a UUID of the attempt's own, where an agent lets its
 * session's id be chosen), `{model}`, `{folder}` (the worktree) and `{files}` (a folder for files that are not the work). What holds one
 * that has no value is left out as a whole. What holds `{image}` is there once for each image of the task, with the path of its file. Other
 * braces mean nothing.
 */
export type CommandArgument = string | readonly string[]

/** Output that is one JSON object a line. */
export interface JsonLines {
  /** Each line is read by every rule that fits it. Lines that are no JSON, or that no rule fits, are signs of life and nothing else. */
  readonly lines: readonly LineRule[]
}

/**
 * Where something is in a line: names with dots between them, `message.usage.input_tokens`. A number is a place in a list, `*` each
 * of its elements.
 */
export type LinePath = string

/** A value that a line must have at a path: this one, one of these, or any at all that is not null (`{ present: true }`). */
export type LineMatch = LineValue | readonly LineValue[] | { readonly present: boolean }
export type LineValue = string | number | boolean | null

/** What the lines tell that have certain values. */
export interface LineRule {
  /** All of these must fit; `{}` fits every line. */
  readonly when: Readonly<Record<LinePath, LineMatch>>
  /** The id of its session. */
  readonly session?: LinePath
  /** What it says. It is appended to the answer, or with `replaces` it is all of the answer so far. */
  readonly text?: { readonly path: LinePath; readonly replaces?: boolean }
  /** A word on what it does, for the log. */
  readonly progress?: LinePath
  /** A tool that it uses. */
  readonly tool?: {
    readonly id?: LinePath
    readonly title: LinePath
    readonly status: 'started' | 'completed' | 'failed'
  }
  /** What it wanted to do and was not allowed to. */
  readonly denied?: LinePath
  /** The turn failed, whatever the exit code is and whatever else it says. */
  readonly failure?: LineFailure
  /** Its provider lets it wait; in a rule that also has `failure`, no other attempt starts before that time. */
  readonly limit?: {
    /** Seconds from now. */
    readonly seconds?: LinePath
    /** A point of time: seconds or milliseconds since 1970, or ISO 8601. */
    readonly time?: LinePath
    readonly message?: LinePath
  }
  readonly usage?: LineUsage
  /** The turn has ended. Where a rule says so, an exit without such a line is a crash, whatever the exit code is. */
  readonly end?: true | { readonly reason: LinePath }
}

/** How a turn failed, by a line. */
export interface LineFailure {
  /** `agent-failed` where nothing is said. `auth` and `quota` stop other attempts from being started in vain. */
  readonly kind?: BackendErrorKind | 'agent-failed'
  readonly message?: LinePath
  /** Whether another attempt may do better; as its kind suggests where nothing is said. */
  readonly retryable?: boolean
  /** The agent would try again for long: it is ended at once. */
  readonly endsIt?: boolean
}

/** What it used. */
export interface LineUsage {
  /** Added up. */
  readonly tokens?: readonly LinePath[]
  /** US dollars. */
  readonly cost?: LinePath
  /** What the numbers are of: one step, and all steps are added up; the turn; or all of the session, whose earlier turns are taken off. */
  readonly of: 'step' | 'turn' | 'session'
}
