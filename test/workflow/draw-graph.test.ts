import { describe, expect, it } from 'vitest'
import { defineWorkflow } from '../../src/workflow/define.ts'
import { drawGraph } from '../../src/workflow/draw-graph.ts'

const WORKFLOW = defineWorkflow({
  name: 'a "b"',
  manager: { prompt: 'lead' },
  tasks: {
    end: { role: 'R"#<x>', prompt: 'x', output: { type: 'object' } },
    each: { prompt: 'x', needs: ['end'], forEach: 'tasks.end.output.parts' },
    last: { prompt: 'x', needs: ['each', 'end'], if: 'tasks.each.failed == 0 and tasks.end.result != "\\no"' },
  },
})

describe('a graph', () => {
  it('is drawn in Mermaid, whatever names and conditions hold', () => {
    expect(drawGraph(WORKFLOW, 'mermaid').split('\n')).toEqual([
      'flowchart TD',
      '  manager{{"manager"}}',
      '  t0["end<br/>R#34;#35;#60;x#62;"]',
      '  t1[["each<br/>for each of tasks.end.output.parts"]]',
      '  t2["last<br/>if tasks.each.failed == 0 and tasks.end.result != #34;\\no#34;"]',
      '  t0 --> t1',
      '  t1 --> t2',
      '  t0 --> t2',
      '',
    ])
  })

  it('is drawn in DOT', () => {
    expect(drawGraph(WORKFLOW, 'dot').split('\n')).toEqual([
      'digraph "a \\"b\\"" {',
      '  node [shape=box];',
      '  manager [shape=hexagon, label="manager"];',
      '  "end" [label="end\\nR\\"#<x>"];',
      '  "each" [label="each\\nfor each of tasks.end.output.parts", peripheries=2];',
      '  "last" [label="last\\nif tasks.each.failed == 0 and tasks.end.result != \\"\\\\no\\""];',
      '  "end" -> "each";',
      '  "each" -> "last";',
      '  "end" -> "last";',
      '}',
      '',
    ])
  })
})
