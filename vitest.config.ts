import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/build-cli.ts'],
    testTimeout: 30_000,
    // XState's development build speaks whenever a child starts inside an action; here that is how agents start.
    onConsoleLog: (line) => !line.includes('Custom actions should not call'),
    pool: 'threads',
    // Tests of real processes mostly wait for them.
    maxWorkers: 4,
  },
})
