import { describe, expect, it } from 'vitest'
import { routeName } from '../../src/server/route-names.ts'

describe('the name of a route', () => {
  it('is its pattern, whatever it names', () => {
    const paths = [
      '/v1/runs',
      '/v1/runs/resume',
      '/v1/runs/run_1',
      '/v1/runs/run_1/tasks/execute%5B0%5D/commands',
      '/v1/tickets',
      '/v1/events',
      '/metrics',
      '/readyz',
      '/docs',
    ]
    expect(paths.map(routeName)).toEqual([
      '/v1/runs',
      '/v1/runs/resume',
      '/v1/runs/{run}',
      '/v1/runs/{run}/tasks/{task}/commands',
      '/v1/tickets',
      '/v1/events',
      '/metrics',
      '/readyz',
      '/docs',
    ])
  })

  it('is the page for all that belongs to one, and the same for all that is not there', () => {
    const paths = [
      '/',
      '/machines',
      '/machines/pages.css',
      '/inspect/x',
      '/favicon.ico',
      '/v1/runs/a/b/c',
      '/v2/runs',
      '',
    ]
    expect(paths.map(routeName)).toEqual([
      '/',
      '/machines',
      '/machines',
      '/inspect',
      'unknown',
      'unknown',
      'unknown',
      '/',
    ])
  })
})
