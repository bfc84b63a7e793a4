// Where this program is installed, and so where what came with it is.

import { resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../..')

/** Path of a file or folder of this installation. */
export const installed = (...parts: readonly string[]): string => resolve(root, ...parts)
