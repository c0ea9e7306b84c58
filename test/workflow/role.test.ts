import { expect, it } from 'vitest'
import { roleLine } from '../../src/workflow/role.ts'

it('writes the first words of a prompt from the template of its role', () => {
  const roles = { default: '#{role}: ', Tester: '@{role} {role} ' }
  expect([
    roleLine(roles, 'Writer'),
    roleLine(roles, 'Tester'),
    roleLine(roles, undefined),
    roleLine({}, '$&'),
  ]).toEqual(['#Writer: ', '@Tester Tester ', '', '#$&: '])
})
