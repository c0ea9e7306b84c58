/** What the scripted agent does in a turn: told to it in the prompt, so that a test says what it plays. */
export type Step =
  | { readonly say: string }
  | { readonly think: string }
  | { readonly tool: ScriptedTool }
  /** Any update, also of kinds that nobody knows. */
  | { readonly update: Readonly<Record<string, unknown>> }
  /** Told in the answer to the prompt. */
  | { readonly usage: Readonly<Record<string, number>> }
  /** Dollars of the session so far. */
  | { readonly cost: number }
  /** Says what it remembers: how many turns its session had and what it was steered with. */
  | { readonly recall: true }
  /** Waits until it is cancelled; `stubborn`: for good. */
  | { readonly hang: 'model' | 'stubborn' }
  /** Goes on when it was steered. */
  | { readonly awaitSteer: true }
  /** A line as it is, on its output. */
  | { readonly print: string }
  | { readonly die: number }
  /** The prompt is answered with it. */
  | { readonly error: { readonly code: number; readonly message: string; readonly data?: unknown } }
  | { readonly stop: string }
  /** Where this file is not there; a path is relative to its folder. */
  | { readonly unless: string; readonly do: readonly Step[] }
  /** `_meta` of the answer to the prompt. */
  | { readonly meta: Readonly<Record<string, unknown>> }

export interface ScriptedTool {
  readonly id: string
  readonly title: string
  readonly kind: string
  readonly locations?: readonly string[]
  readonly diff?: string
  readonly rawInput?: unknown
  /** Asks first; with options of its own where it names them. */
  readonly ask?: true | readonly { readonly optionId: string; readonly kind: string }[]
  /** It is not told before permission was asked, as gemini and qwen have it. */
  readonly quiet?: true
  /** Written when it is allowed. */
  readonly write?: { readonly path: string; readonly text: string }
  /** Run when it is allowed, in its worktree; cancelling the turn kills it. */
  readonly run?: readonly [string, ...string[]]
}

/** How it is from its start on. */
export interface AgentSettings {
  /** The version of the protocol that it answers with. */
  readonly version?: number
  readonly resume?: boolean
  readonly load?: boolean
  /** Its prompts may show it images. */
  readonly images?: boolean
  /** Whether it takes `_session/steering`; `unsaid`: it does, without saying so. */
  readonly steer?: boolean | 'unsaid'
  readonly modes?: readonly string[]
  readonly models?: readonly string[]
  /** It demands this method of `authenticate` before it makes a session. */
  readonly login?: string
  /** A request that it never answers. */
  readonly hangsIn?: string
  readonly diesAtStart?: { readonly code: number; readonly words: string }
  /** Lines that it prints before anything else. */
  readonly prints?: readonly string[]
  /** It goes on when its input is closed and it is asked to end. */
  readonly stubborn?: boolean
  /** A folder that its sessions outlive it in. */
  readonly sessions?: string
}

const MARK = 'acp-script '

/** A prompt that plays these steps. */
export function play(...steps: readonly Step[]): string {
  return `Do this.\n${MARK}${JSON.stringify(steps)}\n`
}

/** The steps of a prompt; one that has none is answered with a word. */
export function stepsOf(prompt: string): readonly Step[] {
  const line = prompt.split('\n').find((text) => text.startsWith(MARK))
  return line === undefined ? [{ say: 'Nothing to play.' }] : (JSON.parse(line.slice(MARK.length)) as Step[])
}
