// `make dev`: a cluster that stays up, with the addresses and the next command on
// the screen. Its state is kept in data/ between runs. Ctrl-C stops it cleanly.

import { join } from 'node:path'
import { connect, waitForWorkers } from './api-client.ts'
import { root, startCluster } from './cluster.ts'

const say = (text = ''): void => void process.stdout.write(`${text}\n`)

const cluster = await startCluster({ folder: join(root, 'data'), listen: '127.0.0.1:7070' })

let stopping = false
const stop = (): void => {
  if (stopping) return
  stopping = true
  say('\nstopping …')
  cluster.stop().then(
    () => process.exit(0),
    () => process.exit(1),
  )
}
process.on('SIGINT', stop)
process.on('SIGTERM', stop)
for (const running of [cluster.mainframe, ...cluster.workers]) {
  running.exited.then((code) => {
    if (!stopping) {
      say(`${running.name} ended with code ${code}; see data/${running.name}.log`)
      stop()
    }
  })
}

await waitForWorkers(connect(cluster.url, cluster.tokenFile), 3)
say(`a cluster with three workers is up; its enclaves are SIMULATED

  API       ${cluster.url}   (gRPC, gRPC-Web and JSON)
  metrics   ${cluster.url}/metrics
  log       ${cluster.url}/log/checkpoint
  token     data/mainframe/admin.token   (vorta-cli finds it by itself)
  logs      data/*.log

next:  bin/vorta-cli run --job-spec jobs/example_job.json --proof artifacts/proof.bin
stop:  Ctrl-C`)
