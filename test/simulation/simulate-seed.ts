/** One seed from its beginning to its end. */

import type { Orchestrator, RunOutcome } from '../../src/domain/orchestration.ts'
import { Dice } from './dice.ts'
import type { RunPast } from './history.ts'
import { Person } from './person.ts'
import { type Scenario, scenarioOf } from './scenario.ts'
import { SettledRuns } from './settled-runs.ts'
import { isFull, Simulation, type Violation } from './simulation.ts'
import { findStuck, type Stuck } from './stuck.ts'

/** What came of a seed. */
export interface SeedOutcome {
  readonly seed: number
  readonly violation?: Violation
  readonly calls: number
  readonly records: number
  readonly creations: number
  readonly processes: number
  readonly virtualMs: number
  /** Equal for equal executions. */
  readonly digest: string
  /** Only of a seed that was to be traced, or that failed. */
  readonly simulation: Simulation
}

/** From so many calls on, all troubles are over and the person decides about everything that is left. */
const CALLS_IN_TROUBLE = 24
const CALLS_IN_PATIENCE = 30
/** From so many on whoever looks cancels what has not ended; no seed makes more than the most. */
const CALLS_BEFORE_CANCEL = 36
const MOST_CALLS = 80
/** The same by time, ms. */
const TROUBLE_MS = 10 * 60_000
const PATIENCE_MS = 20 * 60_000
/** Who seems to be stuck for so long is. */
const STUCK_MS = 30_000
/** Then everything must have ended. */
const LONGEST_MS = 3 * 3_600_000

export async function simulateSeed(seed: number, scenario: Scenario = scenarioOf(seed)): Promise<SeedOutcome> {
  const simulation = new Simulation(scenario)
  const seedRun = new SeedRun(simulation)
  const broken = (error: unknown) => {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
    simulation.violate('I5', 'nothing breaks', message)
  }
  process.on('uncaughtException', broken)
  await seedRun.live().catch(broken)
  const { history, violation, provider, opened, elapsed } = simulation
  const outcome = {
    seed,
    ...(violation === undefined ? {} : { violation }),
    calls: provider.calls,
    records: [...history.runs.values()].reduce((sum, { seq }) => sum + seq, 0),
    creations: history.creations.size,
    processes: opened,
    virtualMs: elapsed,
    digest: simulation.digest(),
    simulation,
  }
  await simulation.close()
  process.off('uncaughtException', broken)
  return outcome
}

class SeedRun {
  readonly #simulation: Simulation
  readonly #person: Person
  readonly #dice: Dice
  #lookAt = 0
  /** By run: who seemed to be stuck at the last look, and since when. */
  readonly #stuck = new Map<string, { task: string | undefined; since: number; process: unknown }>()
  /** Starts under way or not yet due, by workflow. */
  readonly #toStart: Set<string>
  readonly #toSay: Set<Scenario['sayings'][number]>
  readonly #settled = new SettledRuns((...told) => this.#hear(...told))

  constructor(simulation: Simulation) {
    this.#simulation = simulation
    const { scenario, provider } = simulation
    this.#person = new Person({
      seed: scenario.seed,
      provider,
      see: (seen) => simulation.see(seen),
      listener: () => simulation.process,
      isLeft: () => simulation.isLeft,
      onTrouble: (message) => simulation.violate('I11', 'every state that is not final has an exit', message),
    })
    this.#dice = new Dice(scenario.seed, 'looks')
    this.#toStart = new Set(scenario.workflows.map(({ name }) => name))
    this.#toSay = new Set(scenario.sayings)
  }

  async live(): Promise<void> {
    const simulation = this.#simulation
    await this.#open()
    while (simulation.violation === undefined && !this.#isOver()) {
      if (simulation.isLeft) {
        await this.#betweenProcesses()
        await this.#open()
        continue
      }
      await simulation.pass(() => simulation.isLeft || this.#isOver() || this.#isDue())
      if (!simulation.isLeft && this.#isDue()) await this.#act()
      if (simulation.elapsed > LONGEST_MS) this.#neverEnds()
    }
    if (simulation.violation === undefined) await this.#check()
    const { calls } = simulation.provider
    if (calls > MOST_CALLS) simulation.violate('bound', `a seed makes at most ${MOST_CALLS} calls`, `it made ${calls}`)
    simulation.see({ kind: 'end' })
  }

  get #runs(): readonly RunPast[] {
    return [...this.#simulation.history.runs.values()]
  }

  #isOver(): boolean {
    return this.#toStart.size === 0 && this.#runs.every(({ ended }) => ended)
  }

  /** Every unfinished run is restored; what was never durable is asked for again. */
  async #open(): Promise<void> {
    const simulation = this.#simulation
    const resumed = await simulation.open()
    for (const { workflow } of this.#runs) this.#toStart.delete(workflow.name)
    for (const { name } of simulation.scenario.workflows) {
      if (!this.#runs.some(({ workflow }) => workflow.name === name)) this.#toStart.add(name)
    }
    // Whoever is told to leave meanwhile restores no more.
    const lost = this.#runs.filter(({ run, ended }) => !ended && resumed?.includes(run) === false)
    if (lost[0] !== undefined && !simulation.isLeft) {
      simulation.violate('I12', 'every unfinished run is restored', `${lost[0].run} was not restored`)
    }
  }

  /** For a while nobody holds the folder; somebody may come, say something and go. */
  async #betweenProcesses(): Promise<void> {
    const simulation = this.#simulation
    const { downMs = 0, meanwhile } = simulation.lastEnding ?? {}
    await simulation.clock.advance(downMs)
    if (meanwhile === undefined) return
    await simulation.open('closed')
    const orchestrator = simulation.process?.orchestrator
    if (orchestrator !== undefined && !simulation.isLeft) {
      await simulation.patiently(this.#person.say(orchestrator, this.#runs, meanwhile), 'what is said meanwhile')
    }
    await simulation.leave()
  }

  #isDue(): boolean {
    const { elapsed } = this.#simulation
    return elapsed >= this.#lookAt || this.#dueStart() !== undefined || this.#dueSaying() !== undefined
  }

  #dueStart(): string | undefined {
    const { scenario, elapsed } = this.#simulation
    return scenario.workflows.find(({ name }, at) => this.#toStart.has(name) && elapsed >= (scenario.startsMs[at] ?? 0))
      ?.name
  }

  #dueSaying(): Scenario['sayings'][number] | undefined {
    const { elapsed } = this.#simulation
    const records = this.#runs.reduce((sum, { seq }) => sum + seq, 0)
    return [...this.#toSay].find(({ at }) => ('ms' in at ? elapsed >= at.ms : records >= at.records))
  }

  async #act(): Promise<void> {
    const simulation = this.#simulation
    const orchestrator = simulation.process?.orchestrator
    if (orchestrator === undefined) return
    const start = this.#dueStart()
    if (start !== undefined) await this.#start(start)
    const saying = this.#dueSaying()
    if (saying !== undefined && !simulation.isLeft) {
      this.#toSay.delete(saying)
      void this.#person.say(orchestrator, this.#runs, saying)
    }
    if (simulation.elapsed < this.#lookAt || simulation.isLeft) return
    this.#lookAt = simulation.elapsed + this.#dice.whole(3_000, 10_000)
    // What a restore begins with is another thing then; whether it was written is no matter of a run's.
    if (this.#dice.happens(0.2) && simulation.scenario.checkpoints) void orchestrator.checkpoint().catch(() => {})
    const { calls } = simulation.provider
    if (calls > CALLS_IN_TROUBLE || simulation.elapsed > TROUBLE_MS) simulation.provider.heal()
    const isHasty = calls > CALLS_IN_PATIENCE || simulation.elapsed > PATIENCE_MS
    for (const past of this.#runs) {
      if (past.ended) continue
      this.#settled.wait(orchestrator, past)
      this.#lookForStuck(past, findStuck(orchestrator, past, simulation.process?.now() ?? 0, this.#runs))
      if (calls > CALLS_BEFORE_CANCEL) this.#person.cancel(orchestrator, past.run)
      else this.#person.look(orchestrator, past, isHasty)
    }
  }

  /** Whoever waits for the run is told that it cannot go on: then there is something that can be done (I11). */
  #hear(orchestrator: Orchestrator, past: RunPast, { exitCode, reason = '', status }: RunOutcome): void {
    const simulation = this.#simulation
    if (simulation.isLeft || past.ended) return
    simulation.see({ kind: 'settled', run: past.run, exitCode, why: reason })
    if (exitCode === 2 && reason.includes('the disk is full')) {
      simulation.freeDisk()
      this.#person.mend(orchestrator, past)
    }
    if (exitCode !== 3 || status !== 'running') return
    const { tasks } = orchestrator.view(past.run)
    if (tasks.some(({ commands }) => commands.length > 0)) return
    simulation.violate('I11', 'every state that is not final has an exit', `${past.run} waits, and takes no command`)
  }

  /** What is seen once may be over already, and its record under way. */
  #lookForStuck({ run }: RunPast, stuck: Stuck | undefined): void {
    const simulation = this.#simulation
    const known = this.#stuck.get(run)
    if (stuck === undefined || known?.task !== stuck.task || known.process !== simulation.process) {
      this.#stuck.set(run, { task: stuck?.task, since: simulation.elapsed, process: simulation.process })
    } else if (simulation.elapsed - known.since > STUCK_MS) {
      simulation.violate(
        'I5',
        'nothing waits for an event that will never come',
        `${stuck.task} of ${run} ${stuck.why}`,
      )
    }
  }

  async #start(name: string): Promise<void> {
    const simulation = this.#simulation
    const { scenario, process } = simulation
    const workflow = scenario.workflows.find((candidate) => candidate.name === name)
    const orchestrator = process?.orchestrator
    if (workflow === undefined || orchestrator === undefined) return
    this.#toStart.delete(name)
    const { limits, graceMs, seed } = scenario
    const flags = Object.fromEntries(Object.entries(limits).map(([bucket, limit]) => [`codegen.${bucket}`, limit]))
    const run = await simulation.patiently(
      orchestrator.start(workflow, {}, { seed, graceMs, limits: flags }),
      `the start of ${name}`,
      // Nothing was begun: it is asked for again.
      isFull,
    )
    if (run === undefined && simulation.isDiskFull) {
      simulation.freeDisk()
      this.#toStart.add(name)
    }
    if (run !== undefined && !simulation.history.runs.has(run)) {
      simulation.violate(
        'I9',
        'a run is durable before its start is answered',
        `${run} was answered but is not durable`,
      )
    }
  }

  #neverEnds(): void {
    const open = this.#runs.filter(({ ended }) => !ended)
    const states = open.map((past) => {
      const actors = [...past.actors].map(([id, { state }]) => `${id} ${state}`)
      return `${past.run}: ${actors.join(', ')}`
    })
    this.#simulation.violate('I5', 'every run ends', states.join('; '))
  }

  /** What a reader of the folder is given is what is on the disk. */
  async #check(): Promise<void> {
    const simulation = this.#simulation
    const orchestrator = simulation.process?.orchestrator
    if (orchestrator === undefined || simulation.isLeft) return
    for (const { run, records, lost } of this.#runs) {
      const read = await simulation.patiently(orchestrator.records(run, 0, 100_000), 'reading the records')
      if (read === undefined) return
      const kept = records.filter(({ seq }) => !lost.has(seq)).map(({ host: _host, ...record }) => record)
      if (JSON.stringify(read) !== JSON.stringify(kept)) {
        simulation.violate('I9', 'a reader is given what is durable', `the records of ${run} are read otherwise`)
      }
    }
  }
}
