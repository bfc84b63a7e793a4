// The two curves and the numbers that checks need. Arithmetic is not here: it
// belongs to the engines. Sources: EIP-197 for BN254 ("alt_bn128"), and
// draft-irtf-cfrg-pairing-friendly-curves section 4.2.1 for BLS12-381.

export type CurveName = 'bn254' | 'bls12-381'

/** An element c0 + c1·u of the quadratic extension field. */
export type Fp2 = readonly [c0: bigint, c1: bigint]

export type Curve = {
  readonly name: CurveName
  /** Modulus of the coordinates. */
  readonly p: bigint
  /** Order of the groups, and modulus of the public inputs. */
  readonly r: bigint
  /** x of the G2 generator: enough to know it and its negative. */
  readonly g2GeneratorX: Fp2
}

export const curves: Readonly<Record<CurveName, Curve>> = {
  bn254: {
    name: 'bn254',
    p: 21888242871839275222246405745257275088696311157297823662689037894645226208583n,
    r: 21888242871839275222246405745257275088548364400416034343698204186575808495617n,
    g2GeneratorX: [
      10857046999023057135944570762232829481370756359578518086990519993285655852781n,
      11559732032986387107991004021392285783925812861821192530917403151452391805634n,
    ],
  },
  'bls12-381': {
    name: 'bls12-381',
    p: 0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaabn,
    r: 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n,
    g2GeneratorX: [
      0x024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8n,
      0x13e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7en,
    ],
  },
}
