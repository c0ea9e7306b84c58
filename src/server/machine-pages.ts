import type { Hono } from 'hono'
import { servePage } from './page-assets.ts'

const CONTENT_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** `GET /machines`: the state machines as they are drawn by `npm run machines`, and where the tasks of a run are in them now. */
export function machineRoutes(): Hono {
  return servePage({
    path: '/machines',
    page: 'machines.html',
    assets: [
      'machines.js',
      'actor-facts.js',
      'actor-panel.js',
      'state-list.js',
      'page-elements.js',
      'machine-chart.js',
      'machine-trace.js',
      'run-watch.js',
      'server-access.js',
      'pages.css',
      'agent.chart.json',
      'manager.chart.json',
      'planner.chart.json',
      'supervisor.chart.json',
    ],
    policy: CONTENT_POLICY,
  })
}
