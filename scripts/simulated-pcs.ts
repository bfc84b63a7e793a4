// `node scripts/simulated-pcs.ts`: a stand-in for Intel's collateral service on
// this machine, for simulated platforms, to rehearse a TCB recovery before Intel
// has one. Name it in `attestation.collateral.simulatedEndpoints` (docs/collateral.md).

import { parseArgs } from 'node:util'
import { simulatedCollateral } from '@vorta/attestation/simulated/collateral'
import { simulatedEvaluationNumbers } from '@vorta/attestation/simulated/evaluation-numbers'
import { startPcs } from '@vorta/attestation/testkit/pcs'
import { recoveryNumber, tcbRecovery } from '@vorta/attestation/testkit/tcb-recovery'

const help = `usage: node scripts/simulated-pcs.ts [--port 8081] [--recovery none|announced|standard]

  --recovery announced   the early edition demands a microcode update (default)
  --recovery standard    the standard edition demands it
`

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '8081' },
    recovery: { type: 'string', default: 'announced' },
    help: { type: 'boolean', short: 'h' },
  },
})
const { recovery } = values
if (values.help || !['none', 'announced', 'standard'].includes(recovery)) {
  process.stdout.write(help)
  process.exit(values.help ? 0 : 2)
}

// The event was yesterday: its patch is asked for from then on.
const event = Date.now() - 24 * 3_600_000
const evaluations = [{ number: recoveryNumber, recoveryEventAt: event, tcbDate: event }]

const pcs = await startPcs(
  {
    collateral: ({ tee, update }) => {
      const demands =
        recovery === 'standard' ||
        (recovery === 'announced' && (update === 'early' || update === recoveryNumber))
      const now = Date.now()
      return demands && tee === 'sgx' ? tcbRecovery(now, event) : simulatedCollateral(now, { tee })
    },
    evaluationNumbers: (tee) => simulatedEvaluationNumbers(Date.now(), tee, evaluations),
  },
  undefined,
  Number(values.port),
)
process.stdout.write(`SIMULATED collateral at ${pcs.url}, TCB recovery: ${recovery}\n`)
