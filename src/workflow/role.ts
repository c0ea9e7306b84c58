import type { TaskSpec, Workflow } from '../domain/workflow.ts'

/** First words of a prompt unless the workflow says otherwise. */
export const DEFAULT_ROLE_LINE = '#{role}: '

/** The first words of a task's prompt: the template of its role, or of `default`, with `{role}` replaced; empty without role. */
export function roleLine(roles: Workflow['roles'], role: TaskSpec['role']): string {
  if (role === undefined) return ''
  const template = Object.hasOwn(roles, role) ? roles[role] : roles['default']
  return (template ?? DEFAULT_ROLE_LINE).replaceAll('{role}', () => role)
}
