/**
 * Whether a data folder is what it should be before anything in it is opened: no symbolic link stands where the broker
 * looks, and partition folders are open to the broker's user alone. Called by the broker with the lock held; every later
 * open refuses links by itself (`node-disk`). Uses `node:fs` itself, as the lock does: a fake folder has no rights.
 *
 * The folder itself may be reached by a link, and its own rights are left as they are: it may be a mount with a group of
 * its own, or a name somebody mistyped. What is wider than it needs to be is told.
 */
import { chmodSync, lstatSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { Fault } from '../base/fault.ts';
import { isDeletedFolder, parsePartitionFolder } from './file-names.ts';

const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;
const OWN_FOLDER = 0o700;

/** Where a data folder lies, so that it stays there when the link that leads to it is changed; as it is named when it is not there yet. */
export function placeOf(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return resolve(folder);
  }
}

/** Sentences for people. Throws Fault PB_DATA_UNSAFE for a link. */
export function checkFolder(root: string): string[] {
  let narrowed = 0;
  let wide = 0;
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    const isFolder = parsePartitionFolder(entry.name) !== null || isDeletedFolder(entry.name);
    if (entry.isSymbolicLink() && (isFolder || isOwnFile(entry.name))) {
      throw new Fault(
        'PB_DATA_UNSAFE',
        `${root}/${entry.name} is a symbolic link, which the broker does not follow; move what it names into the data folder`,
      );
    }
    if (!isFolder || !entry.isDirectory()) continue;
    const path = `${root}/${entry.name}`;
    if ((lstatSync(path).mode & OTHERS) === 0) continue;
    if (isNarrowed(path)) narrowed += 1;
    else wide += 1;
  }
  const notices = rootNotices(root);
  if (narrowed > 0)
    notices.push(`${narrowed} partition folders were open to other users and are no longer (mode 0700)`);
  if (wide > 0)
    notices.push(
      `${wide} partition folders are open to other users and belong to another one: chown and chmod 700 them`,
    );
  return notices;
}

function rootNotices(root: string): string[] {
  const mode = statSync(root).mode;
  if ((mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0)
    return [
      `other users may write to the data folder (mode ${octal(mode)}): they can stop the broker; chmod 700 ${root}`,
    ];
  if ((mode & OTHERS) !== 0)
    return [`other users may list the data folder (mode ${octal(mode)}) and so see topic names; chmod 700 ${root}`];
  return [];
}

function isNarrowed(path: string): boolean {
  try {
    chmodSync(path, OWN_FOLDER);
    return true;
  } catch {
    return false;
  }
}

/** Checkpoints, the catalog, marks: everything whose name the broker or Kafka chose. */
function isOwnFile(name: string): boolean {
  return name.startsWith('perfbroker.') || name.startsWith('.kafka_') || /checkpoint/.test(name);
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}
