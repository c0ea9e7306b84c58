/** Preloaded into a `troupe` process: the wall's clock is TROUPE_CLOCK_SHIFT_MS off, from TROUPE_CLOCK_JUMP_MS after its start on. */
const shiftMs = Number(process.env['TROUPE_CLOCK_SHIFT_MS'])
const jumpMs = Number(process.env['TROUPE_CLOCK_JUMP_MS'] ?? 0)
const { now } = Date

Date.now = () => now() + (performance.now() >= jumpMs ? shiftMs : 0)
