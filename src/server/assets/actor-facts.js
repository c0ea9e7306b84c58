// @ts-check
/** What is said of one actor, and why it waits. Needs nothing of a browser. */

/** @typedef {import('../../domain/views.ts').RunView} RunView */
/** @typedef {import('../../domain/views.ts').TaskView} TaskView */
/** @typedef {{ title: string, hint: string, facts: [name: string, value: string][], commands: string[] }} ActorFacts */

const COMPLETE = `complete --result '"done"'`

/**
 * Which machine an actor is.
 * @param {string} actor
 * @returns {'agent' | 'manager' | 'supervisor'}
 */
export function kindOf(actor) {
  return actor === 'manager' || actor === 'supervisor' ? actor : 'agent'
}

/**
 * @param {RunView | undefined} view
 * @param {string} actor empty for none
 * @param {ReadonlyMap<string, string>} states newer than the view where they differ
 * @param {number} [now] ms
 * @returns {ActorFacts}
 */
export function describeActor(view, actor, states, now = Date.now()) {
  if (!view) {
    const hint = 'Choose a run to see where its tasks are, and a task to see why it waits.'
    return { title: 'No run chosen', hint, facts: [], commands: [] }
  }
  if (actor === '') return describeRun(view, now)
  if (actor === 'supervisor') return { ...describeRun(view, now), title: 'supervisor', hint: '' }
  const task = actor === 'manager' ? view.manager : view.tasks.find((candidate) => candidate.task === actor)
  if (!task) return { title: actor, hint: 'The run has no such actor.', facts: [], commands: [] }
  return describeTask(view.run, task, states.get(actor) ?? task.state, now)
}

/** @param {RunView} view @param {number} now @returns {ActorFacts} */
function describeRun(view, now) {
  const waiting = view.counts['waiting'] ?? 0
  return {
    title: `${view.run} ${view.name}`,
    hint: 'Choose an actor to see its state, why it waits and what it went through.',
    facts: [
      ['State', view.status],
      ...row('Why', view.reason),
      ['Started', instant(view.startedAt, now)],
      ...row('Ended', view.endedAt && instant(view.endedAt, now)),
      ...row(
        'Not begun',
        waiting > 0 ? `${waiting} ${waiting === 1 ? 'task waits' : 'tasks wait'} for others` : undefined,
      ),
      ...row('Last alert', view.alerts.at(-1)?.message),
    ],
    commands: view.commands.map((command) => `troupe ${command} ${view.run}`),
  }
}

/**
 * @param {string} run
 * @param {TaskView} task
 * @param {string} state
 * @param {number} now
 * @returns {ActorFacts}
 */
function describeTask(run, task, state, now) {
  const isNewer = state !== task.state
  const { waitingFor } = task
  return {
    title: task.task,
    hint: '',
    facts: [
      ['State', state],
      ...row('Since', !isNewer && task.since ? instant(task.since, now) : undefined),
      ...row('Attempt', task.attempt > 0 ? String(task.attempt) : undefined),
      ...row('Why', isNewer ? undefined : task.why),
      ...row('Waits for', waitingFor && !isNewer ? `${waitingFor.kind} ${waitingFor.name}` : undefined),
      ...row('Waits since', waitingFor && !isNewer ? instant(waitingFor.since, now) : undefined),
      ...row('Until', waitingFor && !isNewer ? untilOf(waitingFor.until, now) : undefined),
      ...row('Needs', task.needs?.length ? task.needs.join(', ') : undefined),
      ...row('Last failure', task.failure && `${task.failure.kind}: ${task.failure.message}`),
      ...row('Agent run', task.url),
      ...row('Progress', task.progress === undefined ? undefined : progressOf(task.progress)),
    ],
    commands: isNewer ? [] : task.commands.map((command) => commandLine(run, task.task, command)),
  }
}

/** @param {string} name @param {string | undefined} value @returns {[name: string, value: string][]} */
function row(name, value) {
  return value ? [[name, value]] : []
}

/** How a person tells a task what to do: `execute[0]` is `execute.0` in a shell. */
/** @param {string} run @param {string} task @param {string} command */
function commandLine(run, task, command) {
  const words = command === 'complete' ? COMPLETE : command === 'wait' ? 'wait 30m' : command
  return `troupe task ${run} ${task.replace(/\[(\d+)\]/g, '.$1')} ${words}`
}

/** @param {number | string} progress */
function progressOf(progress) {
  return typeof progress === 'number' ? `${Math.round(progress * 100)} %` : progress
}

/** A time that nobody knows is said to be unknown, never guessed. @param {number | undefined} until @param {number} now */
function untilOf(until, now) {
  if (until === undefined) return 'unknown'
  const left = until - now
  return `${new Date(until).toLocaleTimeString()}${left > 0 ? ` (in ${duration(left)})` : ' (due)'}`
}

/** @param {string | number} at @param {number} now */
function instant(at, now) {
  const time = new Date(at)
  const age = now - time.getTime()
  const isToday = time.toDateString() === new Date(now).toDateString()
  const words = isToday ? time.toLocaleTimeString() : time.toLocaleString()
  return age < 1000 ? words : `${words} (${duration(age)})`
}

/** @param {number} ms */
function duration(ms) {
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 1) return `${Math.max(1, Math.round(ms / 1000))} s`
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`
}
