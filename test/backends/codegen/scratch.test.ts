import { it } from 'vitest'
import { createCodegenBackend, declareCodegenLimits } from '../../../src/backends/codegen/codegen-backend.ts'
import { createStandIn } from '../../../src/backends/codegen/stand-in/stand-in.ts'
import { formatKey, formatMark } from '../../../src/domain/ids.ts'
import { createVirtualClock } from '../../../src/host/virtual-clock.ts'
import { createLimiter } from '../../../src/limits/limiter.ts'

it('scratch', async () => {
  const clock = createVirtualClock()
  const standIn = createStandIn({
    clock,
    seed: 3,
    faults: { 'answer-lost': 0.05, slow: 0.05, stale: 0.1, error: 0.05, reset: 0.05, garbage: 0.05 },
  })
  const limiter = createLimiter({ clock } as never)
  declareCodegenLimits(limiter)
  let n = 0
  const backend = createCodegenBackend({
    baseUrl: 'http://stand-in.invalid',
    token: 'stand-in',
    clock,
    limiter,
    fetch: (async (...a: [never]) => {
      n++
      return standIn.fetch(...a)
    }) as never,
  })
  const signal = new AbortController().signal
  const work = Promise.all(
    Array.from({ length: 30 }, async (_, i) => {
      const key = { run: 'run_1', task: `t[${i}]`, attempt: 1 }
      const since = clock.now()
      let ref
      for (;;) {
        try {
          ref = await backend.create({ key, prompt: `Do it\n${formatMark(key, 1)}` }, signal)
          break
        } catch (e) {
          const er = e as { kind: string; certain: boolean; message: string }
          if (er.certain) {
            await new Promise<void>((r) => clock.setTimeout(r, 2000))
            continue
          }
          let f
          for (let k = 0; ; k++) {
            f = await backend.find(key, since, signal)
            if (f.kind === 'found') break
            if (k > 6 && f.kind === 'absent') break
            await new Promise<void>((r) => clock.setTimeout(r, 5000))
          }
          if (f.kind === 'found') {
            ref = f.ref
            break
          }
        }
      }
      const at = clock.now()
      for (;;) {
        const stop = new AbortController()
        const s = await new Promise<string>((resolve) => {
          void backend.follow(
            ref,
            () => {
              backend.read(ref, stop.signal).then(
                (s) => {
                  if (s.status !== 'active') resolve(s.status)
                },
                (e) => console.log(String(e)),
              )
            },
            stop.signal,
          )
        })
        stop.abort()
        return [formatKey(key), s, at, clock.now()]
      }
    }),
  )
  await clock.runUntil(work, 3_600_000)
  console.log((await work).map(([k, s, a, b]) => `${k} ${s} ${(Number(b) - Number(a)) / 1000}`).join('\n'))
  console.log(n, JSON.stringify(standIn.creations()), JSON.stringify(standIn.refusals()), clock.now())
})
