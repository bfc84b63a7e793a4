// A peer of the footprint benchmark: what any HTTP server under Node costs before
// it does anything. Plain JavaScript, so that no type stripping slows it down.

import { createServer } from 'node:http'

const server = createServer((_request, response) => response.end())
server.listen(0, '127.0.0.1', () => process.stdout.write('listening\n'))
