// Hands out the collateral at hand, as a PCCS does: workers and clients give
// `<mainframe>/pccs/intel` as the address of their PCCS. It needs no token: the
// documents are Intel's and public, and whoever takes them verifies them. Only
// what was fetched for the cluster is here; a stranger cannot make it fetch more.

import { answerFrom, readWanted } from '@vorta/attestation/collateral-service/pccs-answers'
import type { CollateralSources } from '@vorta/attestation/collateral-service/sources'
import { type PlainRoute, text } from '@vorta/core/server/plain-routes'

const paths = [
  ['/pccs/intel', 'sgx'],
  ['/pccs/simulated', 'simulated'],
] as const

export const pccsRoute =
  ({ serviceFor }: Pick<CollateralSources, 'serviceFor'>): PlainRoute =>
  async ({ path, query }) => {
    const found = paths.find(([prefix]) => path.startsWith(`${prefix}/`))
    if (!found) return undefined
    const [prefix, kind] = found
    const wanted = readWanted(path.slice(prefix.length) + query)
    if (!wanted) return text(400, 'not a request of the PCS API, version 4\n')
    const { tee, update, fmspc, ca, document } = wanted
    const isCrl = document === 'pckcrl' || document === 'rootcacrl'
    const fitting = (serviceFor(kind)?.held() ?? []).filter(
      ({ key, verified }) =>
        (isCrl || key.tee === tee) &&
        (isCrl || key.update === update || verified.tcbInfo.evaluationNumber === update) &&
        (fmspc === undefined || key.fmspc === fmspc) &&
        (ca === undefined || key.ca === ca),
    )
    const newest = fitting.sort((a, b) => b.fetchedAt - a.fetchedAt)[0]
    if (!newest) return text(404, 'not at hand\n')
    const { headers, body } = answerFrom(newest.collateral, wanted)
    const { 'content-type': type = 'application/octet-stream', ...others } = headers
    return { status: 200, type, headers: others, body, cache: 'public, max-age=300' }
  }
