// What the attempts at work have reserved: a slot each, and enclave page cache.
// The mainframe plans with the same numbers; the ledger is the last word.

export type Ledger = {
  readonly running: number
  readonly slots: number
  readonly epcFreeBytes: number
  /** False, and nothing reserved, where a slot or the page cache is lacking. */
  readonly reserve: (epcBytes: number) => boolean
  readonly release: (epcBytes: number) => void
  /** Resolves when nothing is running. */
  readonly idle: () => Promise<void>
}

export function createLedger(
  limits: { readonly slots: number; readonly epcBytes: number },
  onChange: () => void,
): Ledger {
  let running = 0
  let reserved = 0
  let waiting: (() => void)[] = []
  return {
    get running() {
      return running
    },
    slots: limits.slots,
    get epcFreeBytes() {
      return limits.epcBytes - reserved
    },
    reserve: (epcBytes) => {
      if (running >= limits.slots || reserved + epcBytes > limits.epcBytes) return false
      running += 1
      reserved += epcBytes
      onChange()
      return true
    },
    release: (epcBytes) => {
      running -= 1
      reserved -= epcBytes
      onChange()
      if (running > 0) return
      for (const resolve of waiting) resolve()
      waiting = []
    },
    idle: () =>
      running === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve)),
  }
}
