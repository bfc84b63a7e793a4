// Who may call the mainframe.

import { ArtifactService, MainframeService } from '@vorta/api'
import { gate as gateOf } from '@vorta/api/server/calls'
import type { Metrics } from '../metrics.ts'
import type { Role, Tokens } from './tokens.ts'

/** What a role may call, beyond an administrator, who may call everything. */
function permits(role: Role, service: string, method: string): boolean {
  if (role === 'admin') return true
  return (
    service === ArtifactService.typeName && method === ArtifactService.method.downloadArtifacts.name
  )
}

export type GateDeps = {
  readonly tokens: Tokens
  readonly metrics: Metrics
  /** Whether the mainframe takes no more calls. */
  readonly stopping: () => boolean
}

export const gate = ({ tokens, metrics, stopping }: GateDeps) =>
  gateOf({
    roleOf: tokens.roleOf,
    permits,
    isOpen: (service) => service === MainframeService.typeName,
    hint: 'set VORTA_TOKEN_FILE to the admin.token in the data folder of the mainframe',
    stopping,
    onRefused: (code) => metrics.callsRefused.inc({ code }),
  })
