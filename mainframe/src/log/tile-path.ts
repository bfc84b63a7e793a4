// Paths of C2SP tlog-tiles: `tile/<L>/<N>[.p/<W>]` for hashes and
// `tile/entries/<N>[.p/<W>]` for entries. One spelling a tile, so that caches
// in front of the log cannot be filled with doubles.

/** Hashes or entries in a full tile. */
export const tileWidth = 256

export type TilePath = {
  /** Tree levels 8 at a time for tiles of hashes; `entries` for the entries under level 0. */
  readonly level: number | 'entries'
  /** Position of the tile in its level. */
  readonly index: number
  /** How much of it: 1 to 255 for a partial tile, 256 for a full one. */
  readonly width: number
}

const pattern =
  /^tile\/(entries|0|[1-9]|[1-5][0-9]|6[0-3])\/((?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/

/** Undefined for anything that is not the path of a tile in its one spelling. */
export function parseTilePath(path: string): TilePath | undefined {
  const [, level = '', groups = '', partial] = pattern.exec(path) ?? []
  // Numbers go in groups of three digits; a leading group of zeros would be a second spelling.
  if (groups === '' || groups.startsWith('x000')) return undefined
  const index = Number(groups.replaceAll(/[x/]/g, ''))
  const width = partial === undefined ? tileWidth : Number(partial)
  if (!Number.isSafeInteger(index) || (partial !== undefined && width >= tileWidth)) {
    return undefined
  }
  return { level: level === 'entries' ? level : Number(level), index, width }
}
