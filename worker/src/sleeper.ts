// A pause that can be cut short, by an event that may also come just before it.

export type Sleeper = {
  /** Ends after `ms`, or at once where `wake` was called since the last pause. */
  readonly sleep: (ms: number) => Promise<void>
  readonly wake: () => void
}

export function createSleeper(): Sleeper {
  let woken = false
  let end: (() => void) | undefined
  return {
    sleep: (ms) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => end?.(), woken ? 0 : ms)
        end = () => {
          clearTimeout(timer)
          end = undefined
          woken = false
          resolve()
        }
      }),
    wake: () => {
      woken = true
      end?.()
    },
  }
}
