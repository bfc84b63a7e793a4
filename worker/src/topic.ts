// Tells whoever asked to be told. Listeners run at once, in order.

export type Topic<T> = {
  readonly publish: (news: T) => void
  /** Gives back the function that ends the subscription. */
  readonly subscribe: (listener: (news: T) => void) => () => void
}

export function createTopic<T>(): Topic<T> {
  const listeners = new Set<(news: T) => void>()
  return {
    publish: (news) => {
      for (const listener of listeners) listener(news)
    },
    subscribe: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
