// Where quotes come from: Gramine's attestation files on hardware, or the
// simulated platform. Whoever wants a quote sees this interface only.

export type QuoteProvider = {
  readonly tee: 'sgx' | 'simulated'
  /** One line for logs and `doctor`. */
  readonly description: string
  /** A DCAP quote over exactly these 64 bytes of report data. */
  quote(reportData: Uint8Array): Promise<Uint8Array>
}
