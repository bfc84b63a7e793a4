// The section `secretProvisioning` of the mainframe's configuration.

import * as d from '@vorta/core/decode'
import { listenAddress, path } from '@vorta/core/server/listen'

const secret = d.object({
  measurement: d.string({
    pattern: /^(?:[0-9a-f]{64}|[0-9a-f]{96})$/,
    what: 'an MRENCLAVE of 64 or an MRTD of 96 lower-case hex digits',
  }),
  file: path,
  releasesPerHour: d.withDefault(d.integer(1, 100_000), 100),
})

export const provisioningConfig = d.object({
  listen: d.withDefault(listenAddress, '127.0.0.1:4433'),
  certFile: path,
  keyFile: path,
  policyFile: path,
  secrets: d.refine(
    d.array(secret, 1024),
    (secrets) => new Set(secrets.map(({ measurement }) => measurement)).size === secrets.length,
    'one secret for each measurement',
  ),
})

export type ProvisioningConfig = d.Decoded<typeof provisioningConfig>
