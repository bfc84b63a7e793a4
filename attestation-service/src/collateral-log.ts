// What becomes of collateral, in the log of a process of its own.

import type { CollateralEvent } from '@vorta/attestation/collateral-service/collateral-service'
import { keyText } from '@vorta/attestation/collateral-service/fetch-collateral'
import { toRfc3339 } from '@vorta/core'
import type { Logger } from '@vorta/core/log'

export const logCollateral =
  (log: Logger) =>
  (event: CollateralEvent): void => {
    if (event.kind === 'adopted') {
      const facts = { collateral: keyText(event.key), until: toRfc3339(event.expires) }
      log.info(facts, 'new collateral')
    } else if (event.code !== 'OK') {
      const about =
        event.kind === 'asked' ? { endpoint: event.endpoint } : { collateral: keyText(event.key) }
      log.warn({ ...about, code: event.code, reason: event.reason }, `collateral ${event.kind}`)
    }
  }
