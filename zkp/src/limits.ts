// Size limits, applied before anything is parsed. They leave room for
// indentation and refuse what no real circuit needs.

/** Most public inputs: the verifier's work and memory grow with each of them. */
export const maxPublicInputs = 1024

/** A BLS12-381 proof is 1.1 kB as compact JSON. */
export const maxProofBytes = 8 * 1024

/** 1024 numbers of 77 digits with quotes, comma and indentation. */
export const maxPublicInputsBytes = 96 * 1024

/** 1025 points of 2 x 115 digits, indented, and 10 kB for the rest. */
export const maxKeyBytes = 512 * 1024

/** vk_alphabeta_12 is the deepest thing in the format: object, list, list, list. */
export const maxJsonDepth = 4

/** Verification keys kept ready, with their precomputed lines: 50 to 230 kB each. */
export const maxPreparedKeys = 64
