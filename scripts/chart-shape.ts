/** A statechart as the page draws it: all coordinates in pixels from the top left corner of the picture. */
export interface Chart {
  readonly machine: string
  readonly width: number
  readonly height: number
  /** What the machine takes in any state, without leaving it. */
  readonly rows: readonly ChartRow[]
  readonly states: readonly ChartState[]
  readonly edges: readonly ChartEdge[]
  readonly starts: readonly ChartStart[]
}

export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export type Point = readonly [x: number, y: number]

export interface ChartState extends Box {
  /** Path from the machine's root, with dots. */
  readonly id: string
  readonly name: string
  /** The state's name in records; empty for one that only groups others. */
  readonly public: string
  readonly kind: 'atomic' | 'compound' | 'final'
  readonly parent?: string
  /** What is written in the box under the name. */
  readonly rows: readonly ChartRow[]
}

/** One line of text in a box: an effect that runs there, or a transition that too many states have for it to be drawn. */
export interface ChartRow {
  readonly text: string
  /** Type of the event that takes the transition. */
  readonly event?: string
  /** Where it leads; absent when it changes no state. */
  readonly to?: string
}

/** All transitions between two states, drawn as one line. */
export interface ChartEdge {
  readonly from: string
  readonly to: string
  readonly points: readonly Point[]
  readonly label: Box & { readonly lines: readonly string[] }
  /** Types of the events that take it, as records name them. */
  readonly events: readonly string[]
}

/** The dot that shows where a compound state begins. */
export interface ChartStart {
  readonly dot: Point
  readonly points: readonly Point[]
}
