// The life of a session with a mainframe that does not play by the rules.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { performServerHandshake } from 'node:http2'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, suite, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { createLogger } from '@vorta/core/log'
import { lifeOf } from './connection.ts'

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
const settings = Buffer.from('000000040000000000', 'hex')
/** GOAWAY: last stream 0, NO_ERROR. */
const goodbye = Buffer.from('0000080700000000000000000000000000', 'hex')

suite('a session', () => {
  const open: Socket[] = []
  afterEach(() => {
    for (const socket of open.splice(0)) socket.destroy()
  })

  test('ends for a mainframe that says goodbye and stays on the line', async (t) => {
    const listener = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
    await once(listener, 'listening')
    const socket = connect((listener.address() as AddressInfo).port, '127.0.0.1')
    const [mainframe] = (await once(listener, 'connection')) as [Socket]
    listener.close()
    open.push(socket, mainframe)
    mainframe.on('error', () => {}).resume()
    t.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] })
    const session = performServerHandshake(socket)
    const life = lifeOf(session, socket, createLogger('test', 'silent'))
    mainframe.write(Buffer.concat([Buffer.from(preface), settings, goodbye]))
    while (!session.destroyed) await setImmediate()
    t.mock.timers.tick(15_000)
    assert.equal(socket.destroyed, false)
    t.mock.timers.tick(10_000)
    await life
    assert.ok(socket.destroyed)
  })
})
