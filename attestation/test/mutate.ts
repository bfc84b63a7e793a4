// Mutations that follow from a seed: the same ones in every run, so that what
// fails once fails again.

/** A generator of numbers from 0 to below `bound` (xorshift32, Marsaglia 2003). */
export function randomFrom(seed: number): (bound: number) => number {
  let state = seed | 1
  return (bound) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % bound
  }
}

type Mutation = (bytes: Uint8Array, random: (bound: number) => number) => Uint8Array

const splice = (bytes: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array => {
  const out = new Uint8Array(bytes.length - remove + insert.length)
  out.set(bytes.subarray(0, at))
  out.set(insert, at)
  out.set(bytes.subarray(at + remove), at + insert.length)
  return out
}

/** A stretch of the bytes: where it begins, and up to 64 bytes of it. */
const stretch = (bytes: Uint8Array, random: (bound: number) => number) => {
  const at = random(bytes.length)
  return { at, length: Math.min(1 + random(64), bytes.length - at) }
}

const mutations: readonly Mutation[] = [
  function flipBit(bytes, random) {
    const out = bytes.slice()
    out[random(out.length)]! ^= 1 << random(8)
    return out
  },
  function setByte(bytes, random) {
    const out = bytes.slice()
    out[random(out.length)] = [0x00, 0x7f, 0x80, 0xff, 0x30][random(5)]!
    return out
  },
  function removeSome(bytes, random) {
    const { at, length } = stretch(bytes, random)
    return splice(bytes, at, length, new Uint8Array())
  },
  function repeatSome(bytes, random) {
    const { at, length } = stretch(bytes, random)
    return splice(bytes, at, 0, bytes.subarray(at, at + length))
  },
  function moveSome(bytes, random) {
    const { at, length } = stretch(bytes, random)
    const rest = splice(bytes, at, length, new Uint8Array())
    return splice(rest, random(rest.length + 1), 0, bytes.subarray(at, at + length))
  },
  function insertNoise(bytes, random) {
    const noise = Uint8Array.from({ length: 1 + random(16) }, () => random(256))
    return splice(bytes, random(bytes.length), 0, noise)
  },
  function cutOff(bytes, random) {
    return bytes.slice(0, random(bytes.length))
  },
]

/** One to three mutations; may give back the same bytes. */
export function mutate(bytes: Uint8Array, random: (bound: number) => number): Uint8Array {
  let out = bytes
  for (let left = 1 + random(3); left > 0 && out.length > 1; left--) {
    out = mutations[random(mutations.length)]!(out, random)
  }
  return out
}
