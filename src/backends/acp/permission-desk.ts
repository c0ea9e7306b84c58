import type { Clock, TimerHandle } from '../../domain/clock.ts'
import type { PermissionSpec } from '../../domain/local-work.ts'
import type { Observation } from '../local/conversation.ts'
import type { PermissionOutcome } from './agent-link.ts'
import { listOf, recordOf, textOf } from './json-parts.ts'
import { chooseOption, describeCall, judge, type PermissionOption } from './permission-policy.ts'
import { insideOf } from './real-places.ts'
import type { ToolCalls } from './tool-calls.ts'

export interface PermissionDeskOptions {
  readonly clock: Clock
  /** The worktree. */
  readonly cwd: string
  readonly permissions: PermissionSpec
  /** What it asks for is to leave a sandbox of its own. */
  readonly sandboxed?: boolean
  readonly calls: ToolCalls
  saw(observation: Observation): void
}

interface Waiting {
  readonly id: string
  readonly what: string
  settle(choice: 'allow' | 'reject' | 'cancel', why?: string): void
}

const CANCELLED: PermissionOutcome = { outcome: { outcome: 'cancelled' } }

/** Answers what an agent asks permission for: by the policy, or by a person, one question at a time. */
export class PermissionDesk {
  readonly #options: PermissionDeskOptions
  readonly #waiting: Waiting[] = []
  #deadline: TimerHandle | undefined
  #asked = 0
  #denied: string | undefined
  #isShut = true

  constructor(options: PermissionDeskOptions) {
    this.#options = options
  }

  /** What was refused last in the turn. */
  get denied(): string | undefined {
    return this.#denied
  }

  /** A turn begins: requests are answered. */
  open(): void {
    this.#isShut = false
    this.#denied = undefined
  }

  /** The turn is over or is being stopped: what is asked now or later is cancelled. */
  shut(): void {
    this.#isShut = true
    for (const waiting of [...this.#waiting]) waiting.settle('cancel')
  }

  /** Answers `session/request_permission`. */
  async decide(params: unknown): Promise<PermissionOutcome> {
    const { calls, cwd, permissions, sandboxed = false, saw } = this.#options
    const request = recordOf(params)
    const options = listOf(request['options']).flatMap(optionOf)
    const { call } = calls.note(request['toolCall'])
    const what = describeCall(call)
    const isInside = await insideOf(cwd, call.cwd === undefined ? call.paths : [...call.paths, call.cwd])
    if (this.#isShut) return CANCELLED
    const verdict = judge(call, { permissions, isInside, sandboxed })
    if (verdict === 'ask') return this.#ask(what, options)
    if (verdict === 'reject') this.#refused(what)
    else saw({ kind: 'note', text: `allowed: ${what}` })
    return select(options, verdict)
  }

  /** A person's answer; ignored where it is no longer asked. */
  answer(id: string, choice: 'allow' | 'reject'): void {
    this.#waiting.find((waiting) => waiting.id === id)?.settle(choice, 'a person said no')
  }

  #ask(what: string, options: readonly PermissionOption[]): Promise<PermissionOutcome> {
    this.#asked++
    const id = `permission-${this.#asked}`
    return new Promise((resolve) => {
      const settle = (choice: 'allow' | 'reject' | 'cancel', why?: string) => {
        const index = this.#waiting.indexOf(waiting)
        if (index < 0) return
        this.#waiting.splice(index, 1)
        if (choice === 'reject') this.#refused(why === undefined ? what : `${what}: ${why}`)
        resolve(choice === 'cancel' ? CANCELLED : select(options, choice))
        if (index === 0) this.#show()
      }
      const waiting: Waiting = { id, what, settle }
      this.#waiting.push(waiting)
      if (this.#waiting.length === 1) this.#show()
    })
  }

  /** Puts the first question before a person. Its time begins now. */
  #show(): void {
    const { clock, permissions, saw } = this.#options
    if (this.#deadline !== undefined) clock.clearTimeout(this.#deadline)
    this.#deadline = undefined
    const first = this.#waiting[0]
    saw({ kind: 'asks', request: first === undefined ? null : { id: first.id, what: first.what } })
    if (first === undefined) return
    const late = () => first.settle('reject', 'nobody answered in time')
    this.#deadline = clock.setTimeout(late, permissions.deadlineMs)
  }

  #refused(what: string): void {
    this.#denied = what
    this.#options.saw({ kind: 'denied', what })
  }
}

function optionOf(value: unknown): readonly PermissionOption[] {
  const option = recordOf(value)
  const [id, kind] = [textOf(option['optionId']), textOf(option['kind'])]
  return id === undefined || kind === undefined ? [] : [{ id, kind }]
}

function select(options: readonly PermissionOption[], choice: 'allow' | 'reject'): PermissionOutcome {
  const optionId = chooseOption(options, choice)
  return optionId === undefined ? CANCELLED : { outcome: { outcome: 'selected', optionId } }
}
