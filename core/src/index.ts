// What runs everywhere, a browser included. Parts that need Node have their own
// entry: @vorta/core/crypto-node, @vorta/core/config, @vorta/core/log.

export * from './bytes.ts'
export * from './canonical-json.ts'
export * from './clock.ts'
export * from './closest.ts'
export * from './crypto.ts'
export * from './digest.ts'
export * from './errors.ts'
export * from './ids.ts'
export * from './json.ts'
