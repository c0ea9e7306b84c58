import type { Inspection } from './domain/inspection.ts'
import type { RunHost } from './host/run-host.ts'
import { tellAll } from './host/tell-all.ts'

/** Who is shown what happens in the actors of all carried runs. While nobody is, XState is not asked and nothing is paid. */
export class Inspectors {
  readonly #hosts: () => Iterable<RunHost>
  readonly #listeners = new Set<(inspection: Inspection) => void>()

  constructor(hosts: () => Iterable<RunHost>) {
    this.#hosts = hosts
  }

  add(listener: (inspection: Inspection) => void): () => void {
    const show = (inspection: Inspection) => listener(inspection)
    this.#listeners.add(show)
    if (this.#listeners.size === 1) for (const host of this.#hosts()) this.attach(host)
    return () => {
      if (!this.#listeners.delete(show) || this.#listeners.size > 0) return
      for (const host of this.#hosts()) host.actors.inspect(undefined)
    }
  }

  /** A run is carried from now on. */
  attach(host: RunHost): void {
    if (this.#listeners.size === 0) return
    host.actors.inspect({ run: host.run, show: (inspection) => tellAll(this.#listeners, inspection) })
  }
}
