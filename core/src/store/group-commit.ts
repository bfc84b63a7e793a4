// Group commit: the calls of one turn of the event loop share one transaction
// and with it one disk flush. No timer: a lone call is flushed at once. Knows
// nothing of what a call is.

import { fail, VortaError } from '../errors.ts'

/** Longest transaction, in calls: bounds how long one flush holds the event loop. */
const maxGroup = 512

export type Outcome<Answer> = { readonly answer: Answer } | { readonly refusal: VortaError }

/** Runs one call each in its own savepoint; a throw means that none of them happened. */
export type Transact<Call, Answer> = (calls: readonly Call[]) => readonly Outcome<Answer>[]

type Waiting<Call, Answer> = {
  readonly call: Call
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: VortaError) => void
}

export class GroupCommit<Call, Answer> {
  readonly #transact: Transact<Call, Answer>
  #waiting: Waiting<Call, Answer>[] = []
  #closed = false

  constructor(transact: Transact<Call, Answer>) {
    this.#transact = transact
  }

  /** Answers once the call is durable; rejects with the refusal of this call alone. */
  submit(call: Call): Promise<Answer> {
    if (this.#closed) return Promise.reject(fail('UNAVAILABLE', 'the store is closed'))
    if (this.#waiting.length === 0) setImmediate(() => this.#flush())
    return new Promise((resolve, reject) => {
      this.#waiting.push({ call, resolve, reject })
    })
  }

  /** Flushes what waits and takes no more. */
  close(): void {
    this.#closed = true
    while (this.#waiting.length > 0) this.#flush()
  }

  #flush(): void {
    const group = this.#waiting.slice(0, maxGroup)
    if (group.length === 0) return
    this.#waiting = this.#waiting.slice(maxGroup)
    if (this.#waiting.length > 0) setImmediate(() => this.#flush())
    try {
      const outcomes = this.#transact(group.map(({ call }) => call))
      for (const [index, { resolve, reject }] of group.entries()) {
        const outcome = outcomes[index]
        if (outcome && 'answer' in outcome) resolve(outcome.answer)
        else reject(outcome?.refusal ?? fail('INTERNAL', 'group commit: a call got no outcome'))
      }
    } catch (thrown) {
      for (const { reject } of group) reject(VortaError.from(thrown))
    }
  }
}
