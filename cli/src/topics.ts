// The help topics that belong to no single command.

import { exitCodes } from '@vorta/api/errors'
import { columns } from './output.ts'

const exitMeanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  ok: 'success',
  failed: 'the job failed, or another failure',
  usage: 'the command line, a job spec or a configuration file is wrong',
  unschedulable: 'no worker can run the job',
  denied: 'not authenticated, or not permitted',
  verification: 'verification failed: a quote, a proof, a receipt or the log',
  notFound: 'a file, a job, a worker or a receipt does not exist',
  unavailable: 'the server cannot be reached, or timed out; safe to try again',
  interrupted: 'interrupted by Ctrl-C; a job that was submitted lives on',
}

const environment: readonly (readonly string[])[] = [
  ['VORTA_ENDPOINT', 'mainframe to talk to; --endpoint goes before it'],
  ['VORTA_TOKEN_FILE', 'file with the bearer token; --token-file goes before it'],
  ['VORTA_TOKEN', 'the bearer token itself'],
  ['VORTA_CONTEXT', 'context to use; --context goes before it'],
  ['XDG_CONFIG_HOME', 'where vorta/config.yaml is; default ~/.config'],
  ['XDG_STATE_HOME', 'where vorta/ keeps logs seen and sealing keys; default ~/.local/state'],
  ['NO_COLOR', 'any value turns colour off; so does TERM=dumb'],
  ['NODE_EXTRA_CA_CERTS', 'PEM file of further CAs for https endpoints'],
]

const jobSpec = `A job spec is a JSON or YAML file. Unknown fields are refused.

  {
    "name": "example",
    "proof": {
      "system": "groth16",
      "curve": "bn254",
      "encoding": "snarkjs",
      "verificationKey": "../artifacts/verification_key.json",
      "publicInputs": "../artifacts/public.json",
      "proof": "../artifacts/proof.bin"
    },
    "resources": { "memory": "64Mi", "epc": "64Mi" },
    "placement": { "tees": ["sgx"], "workers": ["worker-01"] },
    "timeout": "30s",
    "retry": { "maxAttempts": 3 },
    "priority": 50
  }

Files:
${columns([
  [
    'verificationKey, publicInputs, proof',
    'a path relative to the spec, or sha256:<64 hex digits>',
  ],
  ['', 'of an artifact that is on the server already'],
])}

Optional: name, proof.proof (when given by --proof), resources, placement,
timeout (default 10m), retry (default 3 attempts), priority (1 to 100, default 50).
The name is a label for people; the job's id comes from --job-id or the server.`

/** Topic by its word. */
export const topics: Readonly<Record<string, { readonly title: string; readonly body: string }>> = {
  'exit-codes': {
    title: 'Exit codes',
    body: columns(
      Object.entries(exitCodes).map(([name, code]) => [
        String(code),
        exitMeanings[name as keyof typeof exitCodes],
      ]),
    ),
  },
  environment: { title: 'Environment', body: columns(environment) },
  'job-spec': { title: 'Job spec', body: jobSpec },
}
