// Turns: work that would hold the event loop is begun a few pieces at each pass
// of the loop, in the order it came, so that connections are served in between.
// Those of one pass end about together, and so share a flush of the disk.

/** Resolves when it is the caller's turn; `atOnce` turns come in each pass. */
export function createTurns(atOnce: number): () => Promise<void> {
  const waiting: (() => void)[] = []
  const pass = () => {
    for (const begin of waiting.splice(0, atOnce)) begin()
    if (waiting.length > 0) setImmediate(pass)
  }
  return () =>
    new Promise((resolve) => {
      if (waiting.length === 0) setImmediate(pass)
      waiting.push(resolve)
    })
}
