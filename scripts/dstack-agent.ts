// A stand-in for the guest agent of a dstack confidential VM, to try out what runs
// in one on a machine that is none: `node scripts/dstack-agent.ts app-compose.json
// /tmp/dstack.sock`. Its guest is SIMULATED. Prints a policy that accepts it.

import { readFileSync } from 'node:fs'
import { startDstackAgent } from '@vorta/attestation/testkit/dstack-agent'

const [file, socket] = process.argv.slice(2)
if (file === undefined || socket === undefined) {
  process.stderr.write('usage: node scripts/dstack-agent.ts APP-COMPOSE.json SOCKET\n')
  process.exit(2)
}

const appCompose = new Uint8Array(readFileSync(file))
const { guest, close } = await startDstackAgent({ appCompose, now: Date.now(), socket })
const [rtmr0, rtmr1, rtmr2] = guest.registers()
process.stdout.write(`# SIMULATED dstack guest on ${socket}; a policy that accepts it:
tees: [tdx]
simulated: true
measurements:
  td:
    - mrtd: [${guest.mrtd}]
      rtmr0: [${rtmr0}]
      rtmr1: [${rtmr1}]
      rtmr2: [${rtmr2}]
      composeHash: [${guest.identity.composeHash}]
`)
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void close().then(() => process.exit(0)))
}
