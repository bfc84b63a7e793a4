// Processes of ours as the kernel sees them.

import { readdirSync, readFileSync } from 'node:fs'

/** Process ids of the children of a process. */
export function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => parentOf(Number(pid)) === parent)
    .map(Number)
}

export const isAlive = (pid: number): boolean => parentOf(pid) !== undefined

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // After the name, which stands in brackets and may hold anything: state, parent.
    const [state, ppid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return state === 'Z' ? undefined : Number(ppid)
  } catch {
    return undefined // it ended between two looks
  }
}

/** Main memory a process holds, and the most it ever held, in bytes. */
export function memoryOf(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const read = (field: string) =>
    Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024
  return { now: read('VmRSS'), peak: read('VmHWM') }
}
