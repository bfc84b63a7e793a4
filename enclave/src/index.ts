// What the host needs to talk to an enclave. The enclave itself is main.ts, a
// program of its own.

export * from './frames.ts'
export * from './protocol.ts'
