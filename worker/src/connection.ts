// Keeps one connection to the mainframe, for as long as the worker runs. The
// worker dials, opens RA-TLS on what it dialled, and then serves: HTTP/2 with the
// roles reversed, so that a worker needs no port of its own and works behind a NAT.

import { performServerHandshake, type ServerHttp2Session } from 'node:http2'
import type { Duplex } from 'node:stream'
import { VortaError } from '@vorta/core'
import type { Logger } from '@vorta/core/log'
import { createBackoff, type RetryRange } from './backoff.ts'
import { type ChannelOptions, openMainframeChannel } from './channel.ts'
import { dial } from './dial.ts'
import { createSleeper } from './sleeper.ts'

/** A mainframe that is gone without a word is noticed after one interval and one timeout. */
const pingIntervalMs = 15_000
const pingTimeoutMs = 10_000
/** A batch with its artifacts is on its way at once, however long the way. */
const windowBytes = 8 * 1024 * 1024
/** A connection that lived this long was a good one: the next pause is short again. */
const provenMs = 10_000

export type ConnectionOptions = Pick<ChannelOptions, 'workerId' | 'vouch' | 'mainframe'> & {
  readonly endpoint: string
  readonly ca: string | undefined
  /** Asked anew for every attempt. May throw. */
  readonly joinToken: () => string
  readonly retry: RetryRange
  readonly random: () => number
  readonly now: () => number
  /** Resolves when there is something to offer a mainframe. */
  readonly ready: () => Promise<void>
  /** Serves a fresh session. */
  readonly serve: (session: ServerHttp2Session) => Served
  readonly log: Logger
}

export type Served = {
  /** The mainframe said no: joining again soon changes nothing. */
  readonly refused: boolean
  /** To be called when the session has ended. */
  readonly ended: () => void
}

export type Connection = {
  /** Lets open calls finish for at most `graceMs`, then ends the connection and dials no more. */
  readonly close: (graceMs: number) => Promise<void>
}

export function keepConnected(options: ConnectionOptions): Connection {
  const { log } = options
  const stopping = new AbortController()
  const sleeper = createSleeper()
  const backoff = createBackoff(options.retry, options.random)
  let open: { readonly session: ServerHttp2Session; readonly socket: Duplex } | undefined

  async function connectOnce(): Promise<void> {
    await options.ready()
    if (stopping.signal.aborted) return
    const joinToken = options.joinToken()
    const { signal } = stopping
    const dialled = await dial({ ...options, joinToken, signal })
    const socket = await openMainframeChannel(dialled, { ...options, signal })
    const begun = options.now()
    log.info({ endpoint: options.endpoint }, 'connected to the mainframe')
    const settings = { initialWindowSize: windowBytes }
    const session = performServerHandshake(socket, { settings })
    session.setLocalWindowSize(windowBytes)
    open = { session, socket }
    const served = options.serve(session)
    await lifeOf(session, socket, log)
    open = undefined
    served.ended()
    if (served.refused) backoff.slow()
    else if (options.now() - begun >= provenMs) backoff.reset()
    if (!stopping.signal.aborted) log.warn('the connection to the mainframe ended')
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await connectOnce().catch((thrown) => {
        if (stopping.signal.aborted) return
        const { code, message, hints } = VortaError.from(thrown)
        // Refused by a mainframe that is there: asking more often changes nothing.
        if (code !== 'UNAVAILABLE') backoff.slow()
        log.warn({ code, hints }, message)
      })
      if (!stopping.signal.aborted) await sleeper.sleep(backoff.next())
    }
  }
  const running = run()

  return {
    async close(graceMs) {
      stopping.abort()
      sleeper.wake()
      // The status stream has ended, and the mainframe hangs up once it has read the last
      // results. One that does not is cut off.
      const cut = setTimeout(() => open?.socket.destroy(), graceMs)
      await running
      clearTimeout(cut)
    },
  }
}

/** Resolves when the session has ended, and ends it when nobody answers any more. */
export function lifeOf(session: ServerHttp2Session, socket: Duplex, log: Logger): Promise<void> {
  return new Promise((resolve) => {
    let silent: NodeJS.Timeout | undefined
    const pinging = setInterval(() => {
      silent = setTimeout(() => socket.destroy(), pingTimeoutMs)
      // The session is over where the mainframe said goodbye, and yet stays on the line.
      if (!session.destroyed) session.ping(() => clearTimeout(silent))
    }, pingIntervalMs)
    session.on('error', (error) => log.warn({ reason: error.message }, 'connection error'))
    session.once('close', () => {
      clearInterval(pinging)
      clearTimeout(silent)
      resolve()
    })
  })
}
