// Why a sealed input is not opened. A release that does not fit is refused
// before its ciphertext is touched; what was sealed is never named in a message.

import { type ErrorMeta, VerificationError } from '@vorta/core'

/** Every code of sealed inputs with its entry for the documentation. */
export const sealingCodes = {
  SEALED_INPUT_FORMAT: 'A sealed input is not in the format of this version, or of a wrong size.',
  SEALED_INPUT_FORGED: 'A sealed input was changed, stands for another input, or has another key.',
  SEALING_KEY_MISSING: 'The evidence binds no key that inputs could be released to.',
  RELEASE_FORMAT: 'The key release is not the canonical JSON of a release of this version.',
  RELEASE_MISSING: 'The inputs are sealed, and the enclave was given no release of their key.',
  RELEASE_WRONG_JOB: 'The key was released for another job.',
  RELEASE_WRONG_SPEC: 'The key was released for a job with another spec.',
  RELEASE_WRONG_ENCLAVE: 'The key was released to another enclave, or to one that has restarted.',
  RELEASE_WRONG_EVIDENCE: 'The release names evidence that was not shown for this attempt.',
  RELEASE_EXPIRED: 'The time is over until which the release may be used.',
  RELEASE_UNREADABLE: 'The release does not open with the key of this enclave under its own terms.',
  RELEASE_WRONG_KEY: 'The release holds another key than the one the job spec commits to.',
  RELEASE_USED_UP: 'The release was used as often as it allows. Another one is needed.',
  KEY_RELEASE_REFUSED: "The key was kept: the enclave's evidence is not genuine or not accepted.",
} as const

export type SealingFault = keyof typeof sealingCodes

/** `throw refuse('RELEASE_WRONG_JOB', …)`: the key or the input stays closed. */
export const refuse = (
  code: SealingFault,
  message: string,
  meta: ErrorMeta = {},
): VerificationError<SealingFault> => new VerificationError(code, message, { meta })
