// Clients after the documented protocol over real sockets, with the certificates
// that Gramine makes: honest ones, and ones that must get nothing.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, beforeEach, suite, test } from 'node:test'
import { type ConnectionOptions, connect } from 'node:tls'
import { encodeRaTlsClaims, raTlsReportData } from '@vorta/attestation/ra-tls/claims'
import {
  createRaTlsKey,
  issueCertificate,
  type RaTlsKey,
  type TlsIdentity,
  toPem,
} from '@vorta/attestation/ra-tls/issue'
import { simulatedCollateral } from '@vorta/attestation/simulated/collateral'
import { simulatedPlatform } from '@vorta/attestation/simulated/platform'
import {
  createGramineKey,
  type GramineOptions,
  gramineCertificate,
} from '@vorta/attestation/testkit/gramine-ra-tls'
import { type Bytes, fakeClock, toHex } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { decode } from '@vorta/core/decode'
import { createLogger } from '@vorta/core/log'
import { createMetrics } from '../metrics.ts'
import { until } from '../testkit/parts.ts'
import { provisioningConfig } from './config.ts'
import { openProvisioning, type Provisioning } from './server.ts'

const request = 'SECRET_PROVISION_RA_TLS_REQUEST_V1\0'
const hour = 3_600_000
const day = 24 * hour
const secret = Buffer.from('0123456789abcdef')
const measurement = new Uint8Array(32).fill(7)
const unkept = new Uint8Array(32).fill(8)

suite('secret provisioning', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vorta-provisioning-'))
  after(() => rmSync(folder, { recursive: true }))
  const file = (name: string, content: string | Uint8Array, mode = 0o600): string => {
    const path = join(folder, name)
    writeFileSync(path, content)
    chmodSync(path, mode)
    return path
  }

  const now = Date.now()
  const own = issueCertificate({ key: createRaTlsKey(), commonName: 'm', now, lifetime: day })
  const given = {
    listen: '127.0.0.1:0',
    certFile: file('server.crt', own.cert),
    keyFile: file('server.key', own.key),
    policyFile: file(
      'policy.yaml',
      JSON.stringify({
        simulated: true,
        measurements: { mrenclave: [toHex(measurement), toHex(unkept)] },
      }),
    ),
    secrets: [
      { measurement: toHex(measurement), file: file('secret', secret), releasesPerHour: 3 },
    ],
  }
  const configOf = (change: object = {}) =>
    decode(provisioningConfig, { ...given, ...change }, (text) => new Error(text))

  let server: Provisioning
  let clock: ReturnType<typeof fakeClock>
  let metrics: ReturnType<typeof createMetrics>
  beforeEach(async () => {
    clock = fakeClock(now)
    metrics = createMetrics()
    server = await openProvisioning(configOf(), {
      collateral: async () => simulatedCollateral(clock.now()),
      clock,
      log: createLogger('test', 'silent'),
      metrics,
    })
  })
  afterEach(() => server.close())

  const platform = simulatedPlatform({ platformId: new Uint8Array(16).fill(9), now })
  const quoteOf =
    (of: Uint8Array = measurement) =>
    (reportData: Bytes): Bytes =>
      platform.quote({ measurement: of, reportData })

  /** What an enclave of Gramine shows. */
  function gramine(options: Partial<GramineOptions> = {}, key: RaTlsKey = createGramineKey()) {
    const der = gramineCertificate({ quote: quoteOf(), key, ...options })
    const pem = key.privateKey.export({ type: 'pkcs8', format: 'pem' })
    return { cert: toPem(der), key: pem.toString() }
  }

  /** All that the server sends before it hangs up. */
  async function ask(
    client: TlsIdentity | object,
    { say = request, ...options }: ConnectionOptions & { say?: string } = {},
  ): Promise<Buffer> {
    const [host, port] = server.address.split(':')
    const socket = connect({
      host,
      port: Number(port),
      ca: own.cert,
      checkServerIdentity: () => undefined,
      ...client,
      ...options,
    })
    const heard: Buffer[] = []
    socket.on('data', (data) => heard.push(data)).on('error', () => {})
    socket.write(say)
    await once(socket, 'close')
    return Buffer.concat(heard)
  }

  const counted = async (code: string) =>
    (await metrics.secretReleases.get()).values.find(({ labels }) => labels.code === code)?.value ??
    0

  async function refuses(code: string, ...asked: Parameters<typeof ask>): Promise<void> {
    const before = await counted(code)
    assert.equal((await ask(...asked)).length, 0, 'not one byte')
    await until(`${code} is counted`, async () => (await counted(code)) === before + 1)
  }

  const answer = Buffer.concat([
    Buffer.from('SECRET_PROVISION_RA_TLS_RESPONSE_V1:\0'),
    Buffer.from([0, 0, 0, secret.length]),
    secret,
  ])

  for (const [what, forms] of [
    ['both forms', ['legacy', 'dice']],
    ['the older form', ['legacy']],
    ['the standard form', ['dice']],
  ] as const) {
    test(`gives its secret to an enclave whose certificate has ${what}`, async () => {
      assert.deepEqual(await ask(gramine({ forms })), answer)
      assert.equal(answer.length, 57)
      assert.equal(await counted('OK'), 1)
    })
  }

  test('serves clients that know TLS 1.2 only, and requests in pieces', async () => {
    assert.deepEqual(await ask(gramine(), { maxVersion: 'TLSv1.2' }), answer)
    const [host, port] = server.address.split(':')
    const client = { host, port: Number(port), ca: own.cert, checkServerIdentity: () => undefined }
    const socket = connect({ ...client, ...gramine() }).setNoDelay(true)
    socket.write(request.slice(0, 20))
    await once(socket, 'secureConnect')
    socket.write(request.slice(20))
    assert.deepEqual((await once(socket, 'data'))[0], answer)
    socket.destroy()
  })

  test('refuses a man in the middle, with the right quote and another key', async () => {
    const stolen = createRaTlsKey()
    const claims = encodeRaTlsClaims(nodeCrypto, { spki: createRaTlsKey().spki })
    const evidence = { claims, quote: quoteOf()(raTlsReportData(nodeCrypto, claims)) }
    const client = issueCertificate({ key: stolen, commonName: 'x', evidence, now, lifetime: day })
    await refuses('RATLS_KEY_MISMATCH', client)
  })

  test('refuses a key that the host of the enclave holds', async () => {
    const key = createRaTlsKey()
    const claims = encodeRaTlsClaims(nodeCrypto, { spki: key.spki, holder: 'host' })
    const evidence = { claims, quote: quoteOf()(raTlsReportData(nodeCrypto, claims)) }
    await refuses(
      'RATLS_HOST_KEY',
      issueCertificate({ key, commonName: 'worker-01', evidence, now, lifetime: day }),
    )
  })

  test('refuses an enclave that the policy does not name, or that no secret is kept for', async () => {
    await refuses('MEASUREMENT_NOT_ALLOWED', gramine({ quote: quoteOf(new Uint8Array(32)) }))
    await refuses('SECRET_UNKNOWN', gramine({ quote: quoteOf(unkept) }))
  })

  test('refuses by collateral that has expired, and certificates that have', async () => {
    server.close()
    server = await openProvisioning(configOf(), {
      collateral: async () => simulatedCollateral(now - 60 * day),
      clock,
      log: createLogger('test', 'silent'),
      metrics,
    })
    await refuses('CRL_EXPIRED', gramine())
    clock.advance(10 * 365 * day)
    await refuses('RATLS_NOT_IN_FORCE', gramine())
  })

  test('refuses a client without a certificate, or without a quote in it', async () => {
    await refuses('SECRET_REQUEST', {})
    await refuses('RATLS_NO_EVIDENCE', own)
  })

  test('refuses what is not the request of the protocol', async () => {
    for (const say of [
      'GET / HTTP/1.1\r\nHost: secrets.example.org\r\n\r\n',
      request.replace('V1', 'V2'),
    ]) {
      await refuses('SECRET_REQUEST', gramine(), { say })
    }
  })

  test('gives a secret no more often than its limit allows, and again an hour later', async () => {
    for (let release = 0; release < 3; release++) assert.deepEqual(await ask(gramine()), answer)
    await refuses('SECRET_LIMIT', gramine())
    clock.advance(hour)
    assert.deepEqual(await ask(gramine()), answer)
  })

  test('counts no release for a client that is gone before it is known who that was', async () => {
    const asked = Promise.withResolvers<void>()
    const found = Promise.withResolvers<void>()
    server.close()
    server = await openProvisioning(configOf(), {
      collateral: async () => {
        asked.resolve()
        await found.promise
        return simulatedCollateral(now)
      },
      clock,
      log: createLogger('test', 'silent'),
      metrics,
    })
    const [host, port] = server.address.split(':')
    const client = { host, port: Number(port), ca: own.cert, checkServerIdentity: () => undefined }
    const socket = connect({ ...client, ...gramine() }).on('error', () => {})
    socket.write(request)
    await asked.promise
    socket.destroy()
    await once(socket, 'close')
    // Another whole connection: by then the server has seen the end of this one.
    await ask({})
    found.resolve()
    await until('it is counted', async () => (await counted('SECRET_REQUEST')) === 2)
    assert.equal(await counted('OK'), 0)
  })

  test('is not kept busy by one who says nothing, or no TLS', async () => {
    const [host, port] = server.address.split(':')
    const socket = connectTcp(Number(port), host)
    socket.write('SECRET_PROVISION_RA_TLS_REQUEST_V1\0')
    const heard: Buffer[] = []
    socket.on('data', (data) => heard.push(data)).on('error', () => {})
    await once(socket, 'close')
    assert.ok(!Buffer.concat(heard).includes(secret))
    assert.deepEqual(await ask(gramine()), answer)
  })

  test('does not start with a secret that others can read, or that is none', async () => {
    const deps = { collateral: async () => simulatedCollateral(now), clock, metrics }
    const opening = (path: string) =>
      openProvisioning(configOf({ secrets: [{ measurement: toHex(measurement), file: path }] }), {
        ...deps,
        log: createLogger('test', 'silent'),
      })
    for (const path of [
      file('open', secret, 0o644),
      file('empty', ''),
      file('huge', new Uint8Array(65_537)),
      join(folder, 'none'),
    ]) {
      await assert.rejects(opening(path), { code: 'CONFIG_INVALID' })
    }
    const twice = [given.secrets[0], given.secrets[0]]
    assert.throws(() => configOf({ secrets: twice }), /one secret for each measurement/)
  })
})
