// `worker get WORKER`.

import { WorkerSchema } from '@vorta/api'
import { connectionOptions, command as define, itemOptions } from '../command.ts'
import { resourceName } from '../jobs.ts'
import { plain } from '../messages.ts'
import { chosen, document } from '../output.ts'
import { withServer } from '../server.ts'
import { workerDetails } from '../workers.ts'

export const command = define({
  summary: 'show a worker',
  options: { ...itemOptions, ...connectionOptions },
  arguments: [{ name: 'worker', summary: 'name or id', completes: 'worker' }],
  examples: ['worker get worker-01'],
  run: async (ui, values, [argument]) => {
    const name = resourceName('workers', argument!)
    const { worker } = await withServer(ui, values, ({ cluster }) => cluster.getWorker({ name }))
    if (!worker) return 0
    const format = chosen(values, 'text')
    if (format === 'text') ui.print(workerDetails(ui, worker))
    else if (format === 'name') ui.print(worker.name)
    else ui.print(document(format, plain(WorkerSchema)(worker)))
    return 0
  },
})
