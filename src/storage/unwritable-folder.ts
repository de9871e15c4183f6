/** Why nothing can be written to the data folder, and what helps: said alike by whoever finds out at a start. */
import { Fault } from '../base/fault.ts';

const OTHER_FOLDER = 'choose another with --data';
const reasons: { readonly [code: string]: string } = {
  EACCES: `cannot be written; ${OTHER_FOLDER} or change its owner`,
  EPERM: `cannot be written; ${OTHER_FOLDER} or change its owner`,
  EROFS: `cannot be written: its file system is read-only; mount it for writing or ${OTHER_FOLDER}`,
  ENOSPC: `cannot be written: its disk is full; make room there or ${OTHER_FOLDER}`,
  EDQUOT: `cannot be written: the disk quota of this user is used up; make room or ${OTHER_FOLDER}`,
  EEXIST: `is a file; ${OTHER_FOLDER}`,
  ENOTDIR: `lies below a file; ${OTHER_FOLDER}`,
};

export function unwritableFolder(folder: string, cause: unknown): Fault {
  const code = systemCodeOf(cause);
  const reason = reasons[code] ?? `cannot be written${code === '' ? '' : ` (${code})`}; ${OTHER_FOLDER}`;
  return new Fault('PB_DATA_UNWRITABLE', `data folder ${folder} ${reason}`, { cause });
}

/** That of the system call, which faults of the disk have as their cause; '': there is none. */
function systemCodeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if (error instanceof Fault) return systemCodeOf(error.cause);
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}
