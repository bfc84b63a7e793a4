// What a verified receipt says, as values for programs.

import type { VerifiedGuest } from '@vorta/attestation'
import type { Checkpoint } from './checkpoint.ts'
import type { ReceiptStatement } from './statement.ts'

export type ReceiptFacts = VerifiedGuest & {
  /** True where all of this rests on a simulated root and proves nothing about hardware. */
  readonly simulated: boolean
  readonly statement: ReceiptStatement
  /** Origin, size and root of the checkpoint, and the entry in it. */
  readonly log: Checkpoint & {
    /** C2SP vkey: the log the enclave was told about. */
    readonly key: string
    readonly index: number
    /** Milliseconds; the log operator's word. */
    readonly time: number
  }
}
