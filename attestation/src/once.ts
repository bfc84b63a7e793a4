/** Makes a value when it is first asked for, and then never again. What throws is tried anew. */
export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}
