// The attestation service as its own process: a challenge, evidence, a result
// that verifies offline; what is refused; and nothing answered is ever lost.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { createClient } from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-node'
import { AttestationService, fromConnectError } from '@vorta/api'
import { measurement, testEnclave } from '@vorta/attestation-service/testkit/enclave'
import { fromHex, toHex } from '@vorta/core'
import { run, vortaCli } from './kit/cli.ts'
import { type Program, startProgram } from './kit/programs.ts'
import { metricsOf, temporaryFolder } from './kit/system.ts'

const { path: folder, remove } = temporaryFolder()
const dataFolder = join(folder, 'attestation')
const challengeTtlMs = 5000
const file = (name: string) => join(folder, name)
const write = (name: string, data: string | Uint8Array) => {
  writeFileSync(file(name), data)
  return file(name)
}

const enclave = testEnclave(Date.now())
const evidenceFor = (nonce: string) => JSON.stringify(enclave.evidence(fromHex(nonce)))

let program: Program
let url = ''

async function start(): Promise<void> {
  // The first start chooses the port, the others keep it.
  const listen = url === '' ? '127.0.0.1:0' : new URL(url).host
  program = startProgram('vorta-attestation', [
    ...['--config', file('attestation.yaml'), '--listen', listen],
  ])
  url = await program.printed(/listening on (\S+)\n/)
}

const token = () => readFileSync(join(dataFolder, 'admin.token'), 'utf8').trim()
const cli = (...args: readonly string[]) =>
  run(vortaCli, ['attestation', ...args], {
    VORTA_ENDPOINT: url,
    VORTA_TOKEN_FILE: join(dataFolder, 'admin.token'),
  })
const client = () =>
  createClient(
    AttestationService,
    createConnectTransport({
      baseUrl: url,
      httpVersion: '2',
      interceptors: [
        (next) => (request) => {
          request.header.set('authorization', `Bearer ${token()}`)
          return next(request)
        },
      ],
    }),
  )

const keySet = async () =>
  write('jwks.json', await (await fetch(`${url}/.well-known/jwks.json`)).text())

/** Asks for a challenge and answers it through the command line. */
async function appraise(...more: readonly string[]) {
  const { stdout } = await cli('challenge')
  const nonce = stdout.trim()
  const evidence = write('evidence.json', evidenceFor(nonce))
  const ran = await cli('appraise', evidence, '--nonce', nonce, '-o', 'json', ...more)
  return { nonce, evidence, ...ran }
}

before(async () => {
  const policy = `simulated: true\nmeasurements: {mrenclave: ["${toHex(measurement)}"]}\n`
  const config = {
    dataFolder,
    policies: { default: write('policy.yaml', policy), hardware: write('none.yaml', '{}\n') },
    appraisals: { challenges: { ttl: `${challengeTtlMs}ms` } },
  }
  write('attestation.yaml', JSON.stringify(config)) // JSON is YAML
  await start()
})
after(async () => {
  await program.stop()
  remove()
})

suite('a result', () => {
  test('is signed, kept, and verifies offline with the key set alone', async () => {
    const jwt = file('result.jwt')
    const { code, stdout, nonce, evidence } = await appraise('--ear', jwt)
    assert.equal(code, 0, stdout)
    const { name, accepted, simulated, policyId } = JSON.parse(stdout)
    assert.deepEqual([accepted, simulated], [true, true])

    const fetched = await fetch(`${url}/attestation/v1/${name}`, {
      headers: { authorization: `Bearer ${token()}` },
    })
    assert.equal(fetched.headers.get('content-type'), 'application/eat+jwt')
    const signed = await fetched.text()
    assert.equal(signed, readFileSync(jwt, 'utf8'))
    assert.equal((await cli('get', name, '-o', 'jwt')).stdout.trim(), signed)
    assert.equal(JSON.parse((await cli('get', name, '-o', 'json')).stdout).policyId, policyId)

    const trusted = ['--jwks', await keySet()]
    const expected = ['--nonce', nonce, '--evidence', evidence, '--policy-id', policyId]
    const verified = await cli('verify', jwt, ...trusted, ...expected, '-o', 'json')
    assert.equal(verified.code, 0, verified.stdout + verified.stderr)
    assert.equal(JSON.parse(verified.stdout).status, 'warning', 'SIMULATED is never affirmed')

    const other = write('other.json', evidenceFor('00'.repeat(32)))
    const [header, payload, signature = ''] = signed.split('.')
    const flipped = signature.startsWith('A') ? `B${signature.slice(1)}` : `A${signature.slice(1)}`
    const forged = write('forged.jwt', [header, payload, flipped].join('.'))
    for (const [args, reason] of [
      [[jwt, '--nonce', '00'.repeat(32)], 'NONCE_MISMATCH'],
      [[jwt, '--evidence', other], 'EAR_EVIDENCE_MISMATCH'],
      [[jwt, '--policy-id', '00'.repeat(32)], 'EAR_POLICY_MISMATCH'],
      [[jwt, '--at', String(Math.floor(Date.now() / 1000) + 3601)], 'EAR_EXPIRED'],
      [[forged], 'EAR_SIGNATURE'],
    ] as const) {
      const refused = await cli('verify', ...args, ...trusted, '-o', 'json')
      assert.equal(refused.code, 5, refused.stdout)
      assert.equal(JSON.parse(refused.stdout).rejectCode, reason)
    }
  })

  test('that is a refusal is one offline as well', async () => {
    const jwt = file('refusal.jwt')
    const { code, stdout } = await appraise('--policy', 'hardware', '--ear', jwt)
    assert.equal(code, 5)
    assert.equal(JSON.parse(stdout).errorCode, 'SIMULATED_NOT_ALLOWED')
    const verified = await cli('verify', jwt, '--jwks', await keySet(), '-o', 'json')
    assert.equal(verified.code, 5)
    const { outcome, status } = JSON.parse(verified.stdout)
    assert.deepEqual([outcome, status], ['verified', 'contraindicated'])
  })

  test('about a bare quote is about what it had to bind', async () => {
    const userData = write('message.txt', 'a message')
    const { nonce } = await client().createChallenge({})
    const hash = await crypto.subtle.digest(
      'SHA-512',
      Buffer.concat([nonce, readFileSync(userData)]),
    )
    const quote = write('quote.bin', enclave.quote(new Uint8Array(hash)))
    // Without collateral: the service finds that of the simulated platform itself.
    const bound = [quote, '--user-data', userData, '--nonce', toHex(nonce)]
    const { code, stdout } = await cli('appraise', ...bound)
    assert.equal(code, 0, stdout)
    assert.match(stdout, /SIMULATED/)
    const wrong = await cli('appraise', quote, '--user-data', quote, '-o', 'json')
    assert.equal(wrong.code, 5)
    assert.equal(JSON.parse(wrong.stdout).errorCode, 'REPORT_DATA_MISMATCH')
    assert.equal((await cli('appraise', quote)).code, 2, 'a binding must be given')
  })
})

suite('what is not fresh, not bound or not known', () => {
  test('is refused by its code', async () => {
    const calls = client()
    const codeOf = async (request: Parameters<typeof calls.appraiseEvidence>[0]) => {
      try {
        const { appraisal } = await calls.appraiseEvidence(request)
        return appraisal?.errorCode
      } catch (thrown) {
        return fromConnectError(thrown).code
      }
    }
    const challenged = async () => {
      const { nonce } = await calls.createChallenge({})
      return { nonce, evidence: new TextEncoder().encode(evidenceFor(toHex(nonce))) }
    }
    const [first, second, late] = [await challenged(), await challenged(), await challenged()]
    assert.equal(await codeOf(first), '')
    assert.equal(await codeOf(first), 'CHALLENGE_USED')
    assert.equal(await codeOf({ ...first, nonce: second.nonce }), 'NONCE_MISMATCH')
    assert.equal(await codeOf(second), 'CHALLENGE_USED', 'a wrong answer uses it up')
    assert.equal(await codeOf({ ...first, nonce: new Uint8Array(32) }), 'CHALLENGE_UNKNOWN')
    assert.equal(await codeOf({ ...late, policy: 'lax' }), 'POLICY_NOT_FOUND')
    const quote = enclave.quote(new Uint8Array(64))
    const binding = { case: 'reportData', value: new Uint8Array(64).fill(1) } as const
    assert.equal(await codeOf({ quote: { quote, binding } }), 'REPORT_DATA_MISMATCH')

    const metric = metricsOf(() => url)
    while ((await metric('vorta_attestation_challenges_outstanding')) > 0);
    assert.equal(await codeOf(late), 'CHALLENGE_EXPIRED')

    const { code, stderr } = await cli('appraise', file('evidence.json'), '--policy', 'lax')
    assert.equal(code, 6)
    assert.match(stderr, /docs\/errors.md#policy_not_found$/m)
  })
})

suite('results', () => {
  test('outlive a restart, and so does the key', async () => {
    const { stdout } = await appraise()
    const { name } = JSON.parse(stdout)
    const before = await cli('get', name, '-o', 'jwt')
    const keys = readFileSync(await keySet(), 'utf8')
    assert.equal(await program.stop(), 0)
    await start()
    assert.equal((await cli('get', name, '-o', 'jwt')).stdout, before.stdout)
    assert.equal(readFileSync(await keySet(), 'utf8'), keys)
  })

  test('that were answered are there after kill -9, whenever that comes', async () => {
    const answered: string[] = []
    const calls = client()
    let stopped = false
    const asking = Array.from({ length: 8 }, async () => {
      while (!stopped) {
        try {
          const nonce = crypto.getRandomValues(new Uint8Array(32))
          const evidence = new TextEncoder().encode(evidenceFor(toHex(nonce)))
          const { appraisal } = await calls.appraiseEvidence({ evidence, ownNonce: nonce })
          answered.push(appraisal?.name ?? '')
        } catch (thrown) {
          if (!stopped) throw fromConnectError(thrown)
        }
      }
    })
    while (answered.length < 50) await Promise.race([new Promise(setImmediate), ...asking])
    stopped = true
    await program.stop('SIGKILL')
    await Promise.all(asking)
    await start()
    const after = client()
    for (const name of answered) {
      const { appraisal } = await after.getAppraisal({ name })
      assert.equal(appraisal?.name, name)
    }
    const metric = metricsOf(() => url)
    assert.equal(await metric('vorta_attestation_appraisals_total'), 0, 'a new process counts anew')
  })
})
