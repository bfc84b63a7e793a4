// What bounds a dstack event log wherever one travels.

/** Longest log, in characters. Genuine ones are 7 to 20 KB; every event of the application adds some. */
export const maxEventLog = 256 * 1024
