// One connection to the mainframe and what was agreed on it. Work is taken only
// for the enclave that the mainframe attested and admitted on this very
// connection: an enclave that came up since has another key, and what it signs
// would be refused.

import { type ArtifactDownload, openArtifactDownload } from './artifact-download.ts'

export type Session = {
  /** Generation of the enclave that answered the last challenge. */
  attested: number | undefined
  /** Generation that was admitted; undefined before that and after a refusal. */
  admitted: number | undefined
  /** The mainframe does not want this worker. */
  refused: boolean
  /** Present once admitted. */
  download: ArtifactDownload | undefined
}

export const openSession = (): Session => ({
  attested: undefined,
  admitted: undefined,
  refused: false,
  download: undefined,
})

export function admit(
  session: Session,
  access: { readonly endpoint: string; readonly ca: string | undefined },
  sessionToken: string,
): void {
  session.download?.close()
  session.download = openArtifactDownload({ ...access, sessionToken })
  session.admitted = session.attested
  session.refused = false
}

export function dismiss(session: Session): void {
  session.download?.close()
  session.download = undefined
  session.admitted = undefined
}
