import { setFlagsFromString } from 'node:v8'

/**
 * Lets the heap grow by at most three quarters between full collections. On a machine with much memory V8 would let it grow fourfold: at
 * 50,000 tasks 590 MB instead of 370 MB for 128 MB of live data, for a quarter less CPU (measured on Node 20.20).
 */
export function limitHeapGrowth(): void {
  setFlagsFromString('--heap-growing-percent=75')
}
