// Addresses, TLS, and the forms in which servers send what they have.

import assert from 'node:assert/strict'
import { type AddressInfo, createServer } from 'node:net'
import { suite, test } from 'node:test'
import { toBase64, utf8 } from '@vorta/core'
import { openPcs } from '../../test/collateral-fixture.ts'
import { now } from '../../test/fixture.ts'
import { element, sequence } from '../der-writer.ts'
import { simulatedCollateral } from '../simulated/collateral.ts'
import { simulatedKey } from '../simulated/keys.ts'
import { certify, pem, root, rootCertificate } from '../simulated/pki.ts'
import { startPcs } from '../testkit/pcs.ts'
import { readChain, readCrl, readSigned } from './documents.ts'
import { readWanted } from './pccs-answers.ts'
import { createPcsClient } from './pcs-client.ts'

suite('an endpoint', () => {
  test('must be https, or on this machine, and nothing but an address', () => {
    for (const url of [
      'https://pccs.example.org:8081',
      'https://pccs.example.org:8081/sgx/certification/v4/',
      'https://proxy.example.org/intel/',
      'http://127.0.0.1:8081',
      'http://localhost:8081',
      'http://[::1]:8081',
    ]) {
      assert.ok(createPcsClient({ url }).name)
    }
    for (const url of [
      '',
      'pccs.example.org',
      'http://pccs.example.org',
      'file:///etc/passwd',
      'https://user:password@pccs.example.org',
      'https://pccs.example.org/?a=b',
      'http://127.0.0.1.example.org',
    ]) {
      assert.throws(() => createPcsClient({ url }), { code: 'CONFIG_INVALID' })
    }
    const rootCrl = 'http://crl.example.org/root.der'
    const withRoot = { url: 'https://pccs.example.org', rootCrl }
    assert.throws(() => createPcsClient(withRoot), { code: 'CONFIG_INVALID' })
  })

  test("is taken in the form of Intel's own configuration, with its version", async (t) => {
    const pcs = await openPcs(t)
    await createPcsClient({ url: `${pcs.url}/sgx/certification/v4/` }).rootCrl()
    const old = createPcsClient({ url: `${pcs.url}/base/sgx/certification/v3` })
    await assert.rejects(old.rootCrl(), { code: 'COLLATERAL_UNAVAILABLE' })
    assert.deepEqual(pcs.requests, [
      '/sgx/certification/v4/rootcacrl',
      '/base/sgx/certification/v3/rootcacrl',
    ])
  })

  test('has its root CRL where the configuration says', async (t) => {
    const pcs = await openPcs(t)
    const rootCrl = `${pcs.url}/sgx/certification/v4/rootcacrl?from=elsewhere`
    const client = createPcsClient({ url: 'https://pccs.invalid', rootCrl: rootCrl.split('?')[0]! })
    assert.equal(await client.rootCrl(), pcs.knobs.collateral({} as never)?.root_ca_crl)
  })

  test('with a certificate of its own is believed under the CA given, and not without', async (t) => {
    const fresh = simulatedCollateral(now)
    const pcs = await startPcs({ collateral: () => fresh }, tlsFiles())
    t.after(() => pcs.close())
    const ca = pem(rootCertificate)
    assert.equal(await createPcsClient({ url: pcs.url, ca }).rootCrl(), fresh.root_ca_crl)
    await assert.rejects(createPcsClient({ url: pcs.url }).rootCrl(), {
      code: 'COLLATERAL_UNAVAILABLE',
    })
  })

  test('that switches protocols, ends early or talks nonsense is given up', async (t) => {
    for (const answer of [
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nZZ\r\n',
      'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello',
      'garbage',
      '',
    ]) {
      const server = createServer((socket) => {
        socket.on('error', () => {}).once('data', () => socket.end(answer))
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      t.after(() => server.close())
      const { port } = server.address() as AddressInfo
      const client = createPcsClient({ url: `http://127.0.0.1:${port}`, timeoutMs: 1000 })
      await assert.rejects(client.rootCrl(), { code: 'COLLATERAL_UNAVAILABLE' })
    }
  })

  test('that never ends a body without a length has given no answer', async (t) => {
    const server = createServer((socket) => {
      socket.on('error', () => {}).once('data', () => socket.write('HTTP/1.1 200 OK\r\n\r\n00'))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => server.close())
    const { port } = server.address() as AddressInfo
    const client = createPcsClient({ url: `http://127.0.0.1:${port}`, timeoutMs: 200 })
    await assert.rejects(client.rootCrl(), /no answer within 200 ms/)
  })

  test('that sends huge headers or documents is cut off', async (t) => {
    const huge = await openPcs(t, { location: 'x'.repeat(40_000) })
    await assert.rejects(createPcsClient({ url: huge.url }).rootCrl(), /HPE_HEADER_OVERFLOW|Header/)
    const fresh = simulatedCollateral(now)
    const long = await openPcs(t, {
      collateral: () => ({ ...fresh, tcb_info: `{"a":"${'x'.repeat(600_000)}"}` }),
    })
    const client = createPcsClient({ url: long.url })
    await assert.rejects(client.tcbInfo('sgx', '00906ed50000', 'early'), /more than/)
  })
})

suite('documents', () => {
  const signature = 'AB'.repeat(64)
  const read = (text: string) => readSigned(utf8(text), 'tcbInfo')

  test('keep every character of what was signed', () => {
    const inner = '{ "id":"SGX" , "x": ["}", "\\"{", {"tcbInfo": {}}],\n"signature":"no" }'
    for (const text of [
      `{"tcbInfo":${inner},"signature":"${signature}"}`,
      ` { "signature" : "${signature}" , "other": {"tcbInfo": {"a": 1}}, "tcbInfo" : ${inner} } `,
    ]) {
      assert.deepEqual(read(text), { text: inner, signature: signature.toLowerCase() })
    }
  })

  test('are refused where there is no one member to take', () => {
    for (const text of [
      '',
      'null',
      '[]',
      `{"signature":"${signature}"}`,
      `{"tcbInfo":"text","signature":"${signature}"}`,
      `{"tcbInfo":[{}],"signature":"${signature}"}`,
      `{"tcbInfo":{},"signature":"${signature}","tcbInfo":{"b":1}}`,
      `{"tcbInfo":{},"signature":"12"}`,
      `{"tcbInfo":{},"signature":["${signature}"]}`,
      `{"tcbInfo":{},"signature":"${signature}"} trailing`,
      `{"x":{"tcbInfo":{}},"signature":"${signature}"}`,
    ]) {
      assert.throws(() => read(text), { code: 'COLLATERAL_FORMAT' }, text)
    }
    assert.throws(() => readSigned(Uint8Array.of(0xff), 'tcbInfo'), { code: 'COLLATERAL_FORMAT' })
  })

  test('chains are percent-encoded, and a plus is a plus', () => {
    const certificate = pem(rootCertificate)
    assert.equal(readChain(encodeURIComponent(certificate), 'chain'), certificate)
    const halfEncoded = encodeURIComponent(certificate).replaceAll('%2B', '+')
    assert.equal(readChain(halfEncoded, 'chain'), certificate)
    for (const header of [undefined, '%zz', ['a', 'b'], 'x'.repeat(100_000)]) {
      assert.throws(() => readChain(header, 'chain'), { code: 'COLLATERAL_FORMAT' })
    }
  })

  test('CRLs are DER, PEM or hex, and nothing else', () => {
    const der = sequence(Uint8Array.of(1, 2, 3))
    const asPem = `-----BEGIN X509 CRL-----\n${toBase64(der)}\n-----END X509 CRL-----\n`
    for (const body of [der, utf8('3003010203'), utf8('3003010203\n'), utf8(asPem)]) {
      assert.equal(readCrl(body, 'CRL'), '3003010203')
    }
    for (const body of ['', '30030102z3', '-----BEGIN X509 CRL-----\n!\n-----END X509 CRL-----']) {
      assert.throws(() => readCrl(utf8(body), 'CRL'), { code: 'COLLATERAL_FORMAT' })
    }
  })

  test('requests are read strictly', () => {
    const path = '/tdx/certification/v4/tcb'
    assert.deepEqual(readWanted(`${path}?fmspc=50806F000000&tcbEvaluationDataNumber=18`), {
      document: 'tcb',
      tee: 'tdx',
      update: 18,
      fmspc: '50806f000000',
    })
    for (const target of [
      '/',
      path,
      `${path}?fmspc=../../etc`,
      `${path}?fmspc=50806f000000&update=soon`,
      `${path}?fmspc=50806f000000&tcbEvaluationDataNumber=1e3`,
      '/sgx/certification/v4/pckcrl?ca=root',
      '/sev/certification/v4/tcb?fmspc=50806f000000',
      '//[',
    ]) {
      assert.equal(readWanted(target), undefined, target)
    }
  })
})

/** A server certificate for this machine, issued by the simulated root. */
function tlsFiles() {
  const { privateKey, publicKey } = simulatedKey('a PCCS in a test')
  const address = element(0x87, Uint8Array.of(127, 0, 0, 1))
  const oid = Uint8Array.of(0x06, 0x03, 0x55, 0x1d, 0x11) // subjectAltName
  const certificate = certify({
    issuer: root,
    subject: sequence(),
    key: publicKey,
    more: [sequence(oid, element(0x04, sequence(address)))],
  })
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  return { key, cert: pem(certificate) }
}
