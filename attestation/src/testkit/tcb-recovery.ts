// What Intel does when processors turn out to be vulnerable, for simulated
// platforms: a new evaluation whose TCB info asks for a microcode update.

import { toRfc3339 } from '@vorta/core'
import type { Collateral } from '../collateral.ts'
import { simulatedCollateral } from '../simulated/collateral.ts'
import { simulatedModel } from '../simulated/platform.ts'

export const recoveryNumber = 19

/** Collateral by which simulated platforms are OutOfDate since `tcbDate`: component 1 needs one more. */
export function tcbRecovery(now: number, tcbDate: number): Collateral {
  const level = (
    more: number,
    date: number,
    tcbStatus: string,
    advisoryIDs?: readonly string[],
  ) => ({
    tcb: {
      sgxtcbcomponents: simulatedModel.componentSvns.map((svn, i) =>
        i === 0 ? { svn: svn + more, category: 'BIOS', type: 'Early Microcode Update' } : { svn },
      ),
      pcesvn: simulatedModel.pceSvn,
    },
    tcbDate: toRfc3339(date),
    tcbStatus,
    advisoryIDs,
  })
  const earlier = Date.UTC(2025, 0, 1)
  return simulatedCollateral(now, {
    evaluationNumber: recoveryNumber,
    tcbInfo: {
      tcbLevels: [
        level(1, tcbDate, 'UpToDate'),
        level(0, earlier, 'OutOfDate', ['VORTA-SIM-00002']),
      ],
    },
  })
}
