/**
 * What becomes of a failure: one table. Whether another attempt can help, why it failed in one sentence for people, and what the
 * next attempt is told to do differently. Machines and effects ask it through `explainFailure`; nothing else decides.
 */
import type { Failure } from '../domain/backend.ts'

/** One row: it applies when all that it names fits. */
export interface FailureRow {
  /** Words of a backend for how an agent run ended, as `normaliseStatus` gives them. */
  readonly status?: readonly string[]
  readonly kind?: readonly Failure['kind'][]
  /** Codes that a call was answered with, or all of a class. */
  readonly http?: readonly (number | '3xx' | '5xx')[]
  /**
   * What a log says, one of these. The parts of one stand on one line, in this order and near to each other. Such a row adds to the
   * one that the failure has without its log; it may forbid another attempt, never allow one.
   */
  readonly log?: readonly (readonly string[])[]
  readonly retryable: boolean
  readonly why: string
  readonly advice?: string
}

const CARRY_ON = 'What stopped it was not the work itself: carry on as asked.'
const FIX_FIRST = 'Check first whether what was wrong has been put right; if it has not, report that and stop.'
const BUILD_ON = 'Look first at what is there already and build on it instead of beginning anew.'

const STOPPED = {
  retryable: false,
  why: 'Somebody stopped it at the backend, so it is not started again without being asked.',
  advice: 'The attempt before was stopped by somebody on purpose. Do what is asked now and nothing beyond it.',
}

/** Rows in the order in which they are asked: the first that fits counts, of those without `log` and of those with it. */
export const FAILURE_TABLE: readonly FailureRow[] = [
  {
    status: ['TIMEOUT', 'TIMED_OUT', 'TIME_OUT'],
    retryable: true,
    why: "The agent reached the provider's own time limit.",
    advice: `Take smaller steps: push what works early and often, leave out what was not asked for. ${BUILD_ON}`,
  },
  {
    status: ['MAX_ITERATIONS_REACHED', 'MAX_ITERATIONS'],
    retryable: true,
    why: 'The agent used up the number of steps that the provider allows.',
    advice: `Do not go in circles: when a way fails twice, choose another or report what is missing. ${BUILD_ON}`,
  },
  {
    status: ['OUT_OF_TOKENS', 'TOKEN_LIMIT_REACHED', 'MAX_TOKENS'],
    retryable: true,
    why: 'The agent used up the tokens that the provider allows for one run.',
    advice: `Read only the files that you need, print no long output, keep your answers short. ${BUILD_ON}`,
  },
  {
    status: ['CANCELLED', 'CANCELED', 'STOPPED'],
    ...STOPPED,
  },
  { kind: ['cancelled-outside'], ...STOPPED },
  {
    status: ['ERROR', 'FAILED', 'FAILURE'],
    retryable: true,
    why: 'The agent broke off with an error.',
    advice: `Find out what it broke off at, and take another way there. ${BUILD_ON}`,
  },
  {
    kind: ['deadline'],
    retryable: true,
    why: "It did not end within the task's own time limit.",
    advice: `Take smaller steps and leave out what was not asked for. ${BUILD_ON}`,
  },
  {
    kind: ['reported'],
    retryable: true,
    why: 'The agent itself reported that it failed.',
    advice: `Read its reason and take another way. ${BUILD_ON}`,
  },
  {
    kind: ['invalid-report'],
    retryable: true,
    why: 'The agent ended, but what it returned is not what the task asks for.',
    advice:
      'The work may well be done: check it, finish what is missing, and end with exactly the report that is asked for.',
  },
  {
    kind: ['check-failed'],
    retryable: true,
    why: 'The agent reported that it was done, but the check that troupe runs in its worktree fails.',
    advice: 'Run the commands of the check yourself before you report, and put right what they say.',
  },
  {
    kind: ['conflict'],
    retryable: false,
    why: 'What it needs cannot be merged.',
    advice: 'Where files in your worktree hold conflict markers, resolve them first and keep what each side meant.',
  },
  {
    kind: ['agent-failed'],
    retryable: true,
    why: 'The agent run ended without having completed.',
    advice: BUILD_ON,
  },
  {
    kind: ['refused'],
    http: [404],
    retryable: false,
    why: 'The organization, the repository or the address that the agent was to be created with does not exist (404).',
    advice: FIX_FIRST,
  },
  {
    kind: ['not-found'],
    retryable: true,
    why: 'The backend no longer knows the agent run: it vanished without an end.',
    advice: BUILD_ON,
  },
  {
    http: [400],
    retryable: false,
    why: 'The provider does not accept what it was asked (400), and would not the next time.',
    advice: FIX_FIRST,
  },
  {
    http: [422],
    retryable: false,
    why: 'The provider says that a value it was given is not valid (422), and would say so again.',
    advice: FIX_FIRST,
  },
  {
    http: [401],
    retryable: false,
    why: 'The credentials were refused (401): nothing is created for this account until they are put right.',
    advice: FIX_FIRST,
  },
  {
    http: [403],
    retryable: false,
    why: 'The credentials have no access (403): nothing is created for this account until they have.',
    advice: FIX_FIRST,
  },
  {
    http: [402],
    retryable: false,
    why: "The account's plan is used up (402): nothing is created for it until it is raised.",
    advice: FIX_FIRST,
  },
  { http: [408], retryable: true, why: 'The provider gave up waiting for the request (408).', advice: CARRY_ON },
  { http: [429], retryable: true, why: 'The provider was asked too often (429).', advice: CARRY_ON },
  { http: ['5xx'], retryable: true, why: 'The provider had trouble of its own (5xx).', advice: CARRY_ON },
  {
    http: ['3xx'],
    retryable: false,
    why: 'The address answers that the API is somewhere else; no token is sent after it.',
    advice: FIX_FIRST,
  },
  { kind: ['limit'], retryable: true, why: 'The provider was asked too often.', advice: CARRY_ON },
  {
    kind: ['quota'],
    retryable: false,
    why: "The account's plan is used up: nothing is created for it until it is raised.",
    advice: FIX_FIRST,
  },
  {
    kind: ['auth'],
    retryable: false,
    why: 'The credentials were refused: nothing is created for this account until they are put right.',
    advice: FIX_FIRST,
  },
  { kind: ['unreachable'], retryable: true, why: 'The provider could not be reached.', advice: CARRY_ON },
  { kind: ['timeout'], retryable: true, why: 'The provider did not answer in time.', advice: CARRY_ON },
  {
    kind: ['unknown-outcome'],
    retryable: true,
    why: 'No answer came, so nobody knows what became of the call.',
    advice: BUILD_ON,
  },
  { kind: ['crashed'], retryable: true, why: 'What carried the agent broke down.', advice: BUILD_ON },
  {
    kind: ['invalid'],
    retryable: false,
    why: 'The provider does not accept what it was asked, and would not the next time.',
    advice: FIX_FIRST,
  },
  {
    kind: ['refused'],
    retryable: false,
    why: 'It was refused for a reason that another attempt does not change.',
    advice: FIX_FIRST,
  },
  { kind: ['internal'], retryable: false, why: 'Something broke inside troupe itself, not at the agent.' },
  {
    log: [
      ['repository not found'],
      ['could not read from remote repository'],
      ['access to the repository', 'denied'],
      ['repository', 'does not exist'],
    ],
    retryable: false,
    why: 'Its log says that the repository cannot be reached.',
    advice: FIX_FIRST,
  },
  {
    log: [
      ['permission to', 'denied to'],
      ['no permission to push'],
      ['not allowed to push'],
      ['protected branch hook declined'],
      ['write access to repository not granted'],
    ],
    retryable: false,
    why: 'Its log says that it may not push to the repository.',
    advice: FIX_FIRST,
  },
  {
    log: [
      ['invalid credentials'],
      ['invalid api credentials'],
      ['invalid api key'],
      ['bad credentials'],
      ['authentication failed'],
      ['access denied'],
    ],
    retryable: false,
    why: 'Its log says that credentials were refused.',
    advice: FIX_FIRST,
  },
  {
    log: [['model', 'does not exist'], ['model', 'not found'], ['model', 'not available'], ['unknown model']],
    retryable: false,
    why: 'Its log says that the model does not exist.',
    advice: FIX_FIRST,
  },
  {
    log: [
      ['exceeded your current quota'],
      ['insufficient quota'],
      ['insufficient_quota'],
      ['insufficient credits'],
      ['out of credits'],
      ['credit balance is too low'],
      ['billing hard limit'],
      ['payment required'],
    ],
    retryable: false,
    why: 'Its log says that a quota is used up or a bill is unpaid.',
    advice: FIX_FIRST,
  },
  {
    log: [['no space left on device'], ['enospc'], ['disk quota exceeded']],
    retryable: true,
    why: "Its log says that the disk at the provider's was full.",
    advice: 'Keep downloads and build output small, and remove what you no longer need.',
  },
  {
    log: [['out of memory'], ['oomkilled'], ['cannot allocate memory']],
    retryable: true,
    why: "Its log says that the memory at the provider's was used up.",
    advice: 'Run one thing at a time, and only the part of the tests that matters.',
  },
  {
    log: [
      ['sandbox', 'failed to start'],
      ['sandbox', 'could not be started'],
      ['sandbox', 'failed to initialize'],
      ['failed to start', 'sandbox'],
      ['failed to create', 'sandbox'],
    ],
    retryable: true,
    why: 'Its log says that its sandbox did not start.',
    advice: CARRY_ON,
  },
  {
    log: [['overloaded_error'], ['is overloaded'], ['currently overloaded'], ['service unavailable']],
    retryable: true,
    why: 'Its log says that a service it needs was overloaded.',
    advice: CARRY_ON,
  },
  {
    log: [
      ['rate limit exceeded'],
      ['rate limit reached'],
      ['rate limited'],
      ['rate_limit_error'],
      ['too many requests'],
    ],
    retryable: true,
    why: 'Its log says that a service it needs was asked too often.',
    advice: 'Ask outside services less often, one request after the other.',
  },
  {
    log: [
      ['connection reset'],
      ['econnreset'],
      ['socket hang up'],
      ['connection timed out'],
      ['etimedout'],
      ['temporary failure in name resolution'],
      ['eai_again'],
    ],
    retryable: true,
    why: 'Its log says that a connection broke.',
    advice: CARRY_ON,
  },
]
