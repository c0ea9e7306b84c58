import { readFileSync } from 'node:fs'
import { freemem } from 'node:os'

/** The rest is for troupe, for what else runs, and for agents that take more than is said. */
const SHARE_FOR_AGENTS = 0.8
const MB = 1024 * 1024

/** How many agents that take so much memory each fit into what is free now; at least one. */
export function agentCapacity(memoryMb: number, freeBytes: number = freeMemory()): number {
  return Math.max(1, Math.floor((freeBytes * SHARE_FOR_AGENTS) / (memoryMb * MB)))
}

/** What this process and its children may still take, bytes, the limits of their container counted. */
function freeMemory(): number {
  // Of Node 20.13.
  if (typeof process.availableMemory !== 'function') return freemem()
  // What Linux has read of files counts as taken in a container, but it gives that back.
  return Math.min(freemem(), process.availableMemory() + reclaimableBytes(ownMemoryStat()))
}

/** How much of a control group's memory holds files that nobody uses now, from its memory.stat. */
export function reclaimableBytes(memoryStat: string): number {
  return Number(/^inactive_file (\d+)$/m.exec(memoryStat)?.[1] ?? 0)
}

function ownMemoryStat(): string {
  try {
    const path = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? ''
    return readFileSync(`/sys/fs/cgroup${path}/memory.stat`, 'utf8')
  } catch {
    return ''
  }
}
