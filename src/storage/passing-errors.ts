/**
 * Errors of a disk that pass: room, what one user may have of it, and descriptors may be there again in a moment. A log that
 * met one is tried again, see `Log.heal`; after any other only a start can tell what is left.
 */
import { constants } from 'node:os';
import type { Fault } from '../base/fault.ts';

const { ENOSPC, EDQUOT, EMFILE, ENFILE } = constants.errno;
const BY_NAME = new Map([
  ['EMFILE', -EMFILE],
  ['ENFILE', -ENFILE],
]);

/** `error`: a negative errno. */
export function isPassing(error: number): boolean {
  return error === -ENOSPC || error === -EDQUOT || error === -EMFILE || error === -ENFILE;
}

/** What such a fault came from, as a negative errno; null: it does not pass. */
export function passingErrorOf({ code, cause }: Fault): number | null {
  if (code === 'PB_DISK_FULL') return -ENOSPC;
  return BY_NAME.get(nameOf(cause)) ?? null;
}

/** The file system takes no writes, which says nothing against what is on it. */
export function isOfReadOnlySystem({ cause }: Fault): boolean {
  return nameOf(cause) === 'EROFS';
}

function nameOf(cause: unknown): string {
  return cause instanceof Object && 'code' in cause ? String(cause.code) : '';
}
