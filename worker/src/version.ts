// The version this worker reports: that of its package.

import manifest from '../package.json' with { type: 'json' }

export const version = manifest.version
