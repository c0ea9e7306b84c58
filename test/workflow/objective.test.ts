import { describe, expect, it } from 'vitest'
import { objectiveWorkflow, readRoles } from '../../src/workflow/objective.ts'

const name = (objective: string) => objectiveWorkflow({ objective }).workflow.name

describe('the workflow of an objective', () => {
  it('has no tasks, and a manager that plans for what is given as an input', () => {
    const { workflow, inputs } = objectiveWorkflow({ objective: '  Add login.\n', repository: 'acme/shop' })
    expect(inputs).toEqual({ objective: 'Add login.' })
    expect([workflow.name, workflow.tasks, workflow.inputs, workflow.roles]).toEqual([
      'Add login.',
      [],
      { objective: { type: 'string', required: true, description: 'What is to be achieved' } },
      { default: '#{role}: ' },
    ])
    expect([workflow.manager?.planning?.objective, workflow.manager?.repository]).toEqual([
      '{{ inputs.objective }}',
      'acme/shop',
    ])
    expect(workflow.manager?.planning?.defaults.repository).toBe('acme/shop')
  })

  it('never reads the text of a person as a template', () => {
    const hostile = '{% for i in (1..100000000) %}x{% endfor %}{{ inputs.secret }}'
    const { workflow, inputs } = objectiveWorkflow({ objective: hostile })
    expect(inputs).toEqual({ objective: hostile })
    expect(workflow.manager?.planning?.objective).toBe('{{ inputs.objective }}')
  })

  it('is called what the first line says, cut between words', () => {
    expect(name('Make it fast\nand then faster')).toBe('Make it fast')
    expect(name(`\u001b[31m red\t alert`)).toBe('[31m red alert')
    expect(name(`${'word '.repeat(40)}`)).toBe(`${'word '.repeat(15).trim()}…`)
    expect(name('x'.repeat(100))).toBe(`${'x'.repeat(79)}…`)
    expect([...name('🙂'.repeat(100))].length).toBe(80)
  })

  it.each([
    ['', 'The objective is empty: say what is to be achieved.'],
    [' \n ', 'The objective is empty: say what is to be achieved.'],
    ['x'.repeat(200_001), 'The objective has 200001 characters; it may have 200000.'],
  ])('is refused where the objective is none', (objective, message) => {
    expect(() => objectiveWorkflow({ objective })).toThrow(message)
  })

  it('is refused where the repository cannot be one', () => {
    expect(() => objectiveWorkflow({ objective: 'Go', repository: 'a b' })).toThrow(
      '--repository a b: write owner/name, or the id of a repository.',
    )
  })
})

describe('a file of roles', () => {
  const read = (text: string, file = 'roles.yaml') => readRoles({ file, text })

  it('says the first words of each role, or only names them', () => {
    expect(read('Tester: "You test. "\nWriter: You write.\n')).toEqual({ Tester: 'You test. ', Writer: 'You write.' })
    expect(read('{"Tester": "You test. "}', 'roles.json')).toEqual({ Tester: 'You test. ' })
    expect(read('- Tester\n- Writer\n')).toEqual({ Tester: '#{role}: ', Writer: '#{role}: ' })
  })

  it('is told every mistake with its place', () => {
    expect(() => read('Tester: 3\nWriter:\n"": x\n')).toThrow(
      [
        'roles.yaml:1:9: Tester: must be the first words of its prompt, such as "You are the tester. "',
        'roles.yaml:2:1: Writer: must be the first words of its prompt, such as "You are the tester. "',
        'roles.yaml:3:1: is no name of a role: write one line of 1 to 200 characters',
      ].join('\n'),
    )
    expect(() => read('- Tester\n- 4\n- Tester\n')).toThrow(
      [
        'roles.yaml:2:3: [1]: must be the name of a role, such as Tester',
        "roles.yaml:3:3: [2]: 'Tester' is named twice",
      ].join('\n'),
    )
  })

  it.each([
    ['', 'roles.yaml:1:1: is empty; write role: first words of its prompt, a line each, or a list of names'],
    ['just text', 'is a single value; write role: first words of its prompt, a line each, or a list of names'],
    ['[]', 'names no role; leave --roles out where the manager may invent them'],
    ['a: [', 'not valid YAML'],
  ])('is refused when it is %j', (text, message) => {
    expect(() => read(text)).toThrow(message)
  })
})
