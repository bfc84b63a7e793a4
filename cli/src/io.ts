// What a command may touch of the world outside. Tests hand in their own; only
// main.ts makes one of the real process.

export type Sink = {
  readonly write: (data: string | Uint8Array) => void
  /** Whether a person looks at it. */
  readonly isTTY: boolean
}

export type Io = {
  /** Data, and nothing but data. */
  readonly stdout: Sink
  /** Talk: progress, hints, warnings, errors. */
  readonly stderr: Sink
  readonly stdin: AsyncIterable<Uint8Array> & { readonly isTTY: boolean }
  readonly env: Readonly<Record<string, string | undefined>>
  /** Absolute path of the working directory. */
  readonly cwd: string
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
  /** Takes over Ctrl-C until the returned function is called. */
  readonly onInterrupt: (listener: () => void) => () => void
}
