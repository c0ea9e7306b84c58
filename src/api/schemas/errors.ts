import { z } from 'zod'
import type { Problem } from '../../domain/errors.ts'
import type { ErrorBody } from '../errors.ts'
import { component } from './component.ts'
import { jsonObject } from './values.ts'

/** Every error, on every way in. */
export const errorBody = component<ErrorBody>('Error')(
  z.object({
    code: z.string().describe('Stable; one of the documented codes.'),
    message: z.string().describe('For a person: what failed, for what, what to do.'),
    details: jsonObject,
  }),
)

// One mistake of a workflow, as `details.problems` of the code `workflow-invalid` holds them: nothing refers to it.
component<Problem>('Problem')(
  z.object({
    file: z.string(),
    line: z.int().nonnegative().describe('Counted from 1; 0 where the mistake has no place in a text.'),
    column: z.int().nonnegative(),
    message: z.string().describe('What is wrong and what would be right.'),
  }),
)
