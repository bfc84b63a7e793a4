// What a verifier remembers from one quote to the next: documents it has read,
// and which signatures over them were good. Only of verifications that held as
// a whole, bounded, and found again by their exact bytes alone. Nothing in here
// is a verdict: time, revocation and TCB are judged anew for every quote.

import { type Crypto, equal, type P256PublicKey } from '@vorta/core'
import type { TrustAnchor } from './anchors.ts'
import type { EnclaveLevel } from './judged-levels.ts'
import { Lru } from './lru.ts'
import type { OpenedCollateral } from './opened-collateral.ts'
import type { OpenedEndorsement } from './opened-endorsement.ts'
import type { PckExtension } from './pck-extension.ts'
import { type ParseCertificate, parseBlock } from './pem.ts'
import type { TcbInfo } from './tcb-info.ts'
import type { VerifiedQuote } from './verified-quote.ts'
import type { Certificate } from './x509.ts'

export type MemoryLimits = {
  /** Sets of collateral: one per kind of platform and day. */
  readonly collaterals: number
  /** Certificates: one per platform, and the few above them. */
  readonly certificates: number
  /** Attestation keys: one or two per platform. */
  readonly attestationKeys: number
}

const defaultLimits: MemoryLimits = {
  collaterals: 64,
  certificates: 2048,
  attestationKeys: 2048,
}

/** A platform and its quoting enclave, as chain and collateral prove them. */
export type VerifiedPlatform = {
  readonly tcbInfo: TcbInfo
  readonly pck: PckExtension
  readonly qeLevel: EnclaveLevel
  /** Since when all of it has been in force, in milliseconds; until `facts.collateralExpires`. */
  readonly from: number
  /** What is the same for every quote of this platform. */
  readonly facts: Pick<
    VerifiedQuote,
    | 'fmspc'
    | 'ppid'
    | 'ppidSha256'
    | 'platform'
    | 'qeStatus'
    | 'tcbEvaluationDataNumber'
    | 'tcbIssued'
    | 'collateralIssued'
    | 'collateralExpires'
  >
}

type KnownPlatform = {
  readonly tee: 'sgx' | 'tdx'
  readonly collateral: OpenedCollateral
  readonly anchor: TrustAnchor
  readonly platform: VerifiedPlatform
}

/** A good signature over an object of bytes that nobody can change: it stays in this package. */
type Proof = { readonly key: P256PublicKey; readonly signature: Uint8Array }

export class Memory {
  readonly collaterals: Lru<OpenedCollateral>
  readonly certificates: Lru<Certificate>
  readonly endorsements: Lru<OpenedEndorsement>
  /** As proven last: lives as long as the endorsement it belongs to. */
  readonly platforms = new WeakMap<OpenedEndorsement, KnownPlatform>()
  /** By the signed bytes themselves, so that a proof lasts as long as the document it is about. */
  readonly proofs = new WeakMap<Uint8Array, Proof>()

  constructor(limits: MemoryLimits = defaultLimits) {
    this.collaterals = new Lru(limits.collaterals)
    this.certificates = new Lru(limits.certificates)
    this.endorsements = new Lru(limits.attestationKeys)
  }
}

type Begun = Proof & { readonly isGood: Promise<boolean> }

/** One verification: what it learns goes to the memory when it is told to, and else nowhere. */
export class Session {
  /** As the crypto given, except that a signature is verified once. */
  readonly crypto: Crypto
  readonly memory: Memory
  private readonly certificates = new Map<string, Certificate>()
  private readonly begun = new Map<Uint8Array, Begun>()
  private readonly onSuccess: (() => void)[] = []

  constructor(crypto: Crypto, memory: Memory) {
    this.memory = memory
    this.crypto = {
      ...crypto,
      verifyP256: (key, data, signature) => {
        if (isProof(memory.proofs.get(data), key, signature)) return proven
        const known = this.begun.get(data)
        if (known && isProof(known, key, signature)) return known.isGood
        const isGood = crypto.verifyP256(key, data, signature)
        this.begun.set(data, { key, signature, isGood })
        return isGood
      },
    }
  }

  /** Parses a certificate, unless it is known. */
  readonly parseCertificate: ParseCertificate = (block) => {
    const known = this.memory.certificates.get(block) ?? this.certificates.get(block)
    if (known) return known
    const certificate = parseBlock(block)
    if (certificate) this.certificates.set(block, certificate)
    return certificate
  }

  /** Something to remember if all goes well. */
  keep(action: (memory: Memory) => void): void {
    this.onSuccess.push(() => action(this.memory))
  }

  /** To be called when every check has passed, and only then: every signature begun was needed. */
  async commit(): Promise<void> {
    for (const [data, { key, signature, isGood }] of this.begun) {
      if (await isGood) this.memory.proofs.set(data, { key, signature })
    }
    for (const [block, certificate] of this.certificates) {
      this.memory.certificates.set(block, certificate)
    }
    for (const action of this.onSuccess) action()
  }
}

const proven = Promise.resolve(true)

const isProof = (proof: Proof | undefined, key: P256PublicKey, signature: Uint8Array): boolean =>
  proof !== undefined &&
  proof.signature === signature &&
  (proof.key === key || (equal(proof.key.x, key.x) && equal(proof.key.y, key.y)))
