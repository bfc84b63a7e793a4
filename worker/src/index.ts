// The worker as a library: what its program and its tests start.

export * from './config.ts'
export * from './worker.ts'
