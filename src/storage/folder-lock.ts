/**
 * One process a data folder. Node cannot lock files, so the lock is a file that names its holder: process, boot of the
 * machine, start time of the process, and process namespace (two containers may share a volume and both be process 1).
 * It goes when the holder stops; after `kill -9` it stays, and the next process finds out that the holder is gone.
 *
 *   holder's boot is another             gone
 *   same namespace                       gone unless a process of that id with that start time lives
 *   another namespace                    nobody can look: gone when it gave no sign of life (`keep`) for ten seconds
 *
 * The file appears whole by a hard link, which fails when it exists; taking over a dead holder's lock is itself guarded by
 * a file made exclusively, so that of two processes starting at once one wins. Uses `node:fs` itself: the disk port is for
 * data, and a fake lock would prove nothing.
 */
import {
  closeSync,
  linkSync,
  lstatSync,
  lutimesSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../base/fault.ts';
import { makeFolders } from './node-disk.ts';
import { unwritableFolder } from './unwritable-folder.ts';

const LOCK_FILE = 'perfbroker.lock';
const TAKEOVER_SUFFIX = '.takeover';
const ATTEMPTS_MAX = 4;
const SIGN_OF_LIFE_MS_MAX = 10_000;
const SIGN_OF_LIFE_EVERY_MS = 5000;

export interface Holder {
  readonly pid: number;
  readonly bootId: string;
  readonly startTicks: string;
  readonly namespace: string;
}

export class FolderLock {
  private readonly path: string;
  private readonly content: string;
  /** Folders that were made for it, uppermost first. */
  private readonly made: readonly string[];
  private timer: NodeJS.Timeout | null = null;

  private constructor(path: string, content: string, made: readonly string[]) {
    this.path = path;
    this.content = content;
    this.made = made;
  }

  /** Throws Fault PB_DATA_LOCKED when another process holds it, PB_DATA_UNWRITABLE when the folder takes no file. */
  static take(folder: string, nowMs: number): FolderLock {
    const path = join(folder, LOCK_FILE);
    const content = JSON.stringify(describeProcess(process.pid));
    const own = `${path}.${process.pid}`;
    let made: readonly string[] = [];
    try {
      made = makeFolders(folder);
      // What an earlier process of that id left, or somebody planted: made anew, never written through.
      isDone(() => unlinkSync(own));
      writeFileSync(own, content, { mode: 0o600, flag: 'wx' });
    } catch (cause) {
      // A full disk takes the file's name and not its text.
      isDone(() => unlinkSync(own));
      removeMade(made);
      throw unwritableFolder(folder, cause);
    }
    try {
      for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        if (isDone(() => linkSync(own, path))) return new FolderLock(path, content, made);
        if (isLink(path)) {
          throw new Fault('PB_DATA_UNSAFE', `${path} is a symbolic link, which the broker does not follow; remove it`);
        }
        const found = readText(path);
        if (found === null) continue;
        const holder = parseHolder(found);
        if (holder !== null && isAlive(holder, path, nowMs)) throw lockedBy(folder, holder);
        removeStale(path, found, nowMs);
      }
    } finally {
      isDone(() => unlinkSync(own));
    }
    throw new Fault(
      'PB_DATA_LOCKED',
      `data folder ${folder} is being taken by another process; stop it or choose another with --data`,
    );
  }

  /** Whether a process that lives holds the folder. */
  static isHeld(folder: string, nowMs: number): boolean {
    const path = join(folder, LOCK_FILE);
    const found = readText(path);
    const holder = found === null ? null : parseHolder(found);
    return holder !== null && isAlive(holder, path, nowMs);
  }

  /**
   * Gives signs of life from now on; a start may take minutes. `onLost`: another process has taken the folder, as it may from
   * one that was frozen for long (a paused container).
   */
  keep(onLost: () => void): void {
    this.timer = setInterval(() => {
      if (this.isOurs()) return this.giveSign(Date.now());
      this.stopKeeping();
      onLost();
    }, SIGN_OF_LIFE_EVERY_MS);
    this.timer.unref();
  }

  private stopKeeping(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  private giveSign(nowMs: number): void {
    isDone(() => lutimesSync(this.path, nowMs / 1000, nowMs / 1000));
  }

  /** What cannot be read names nobody else. */
  private isOurs(): boolean {
    const found = readText(this.path);
    return found === null || found === this.content;
  }

  /** For a start that failed: releases, and takes away again what was made for it and is still empty. */
  giveBack(): void {
    this.release();
    removeMade(this.made);
  }

  /** Only our own lock is ever removed. */
  release(): void {
    this.stopKeeping();
    if (readText(this.path) === this.content) isDone(() => unlinkSync(this.path));
  }
}

/** The id of the machine's boot; null where the system does not tell. */
export function readBootId(): string | null {
  const text = readText('/proc/sys/kernel/random/boot_id');
  return text === null ? null : text.trim();
}

function describeProcess(pid: number): Holder {
  return { pid, bootId: readBootId() ?? '', startTicks: readStartTicks(pid), namespace: readNamespace() };
}

function isAlive(holder: Holder, path: string, nowMs: number): boolean {
  const bootId = readBootId() ?? '';
  if (holder.bootId !== bootId) return false;
  if (holder.namespace !== readNamespace()) return signOfLifeAgeMs(path, nowMs) < SIGN_OF_LIFE_MS_MAX;
  if (!isRunning(holder.pid)) return false;
  // The id may have been given to another process since.
  return readStartTicks(holder.pid) === holder.startTicks;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Not ours to signal, but there.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Start time in the kernel's ticks, '' where there is no such file. The command in the line may contain anything. */
function readStartTicks(pid: number): string {
  const text = readText(`/proc/${pid}/stat`);
  if (text === null) return '';
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields[19] ?? '';
}

function readNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

function signOfLifeAgeMs(path: string, nowMs: number): number {
  try {
    return nowMs - lstatSync(path).mtimeMs;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Removes the lock if it still says what was read, with the takeover guard held. A dead guard is removed for the next attempt. */
function removeStale(path: string, found: string, nowMs: number): void {
  const guard = path + TAKEOVER_SUFFIX;
  const guardText = readText(guard);
  if (guardText !== null) {
    const pid = Number(guardText);
    // One without a process id is being written this moment. It is held for a blink: an old one is nobody's, whoever has the id now.
    const isOld = signOfLifeAgeMs(guard, nowMs) >= SIGN_OF_LIFE_MS_MAX;
    if (isOld || pid === process.pid || (pid > 0 && !isRunning(pid))) isDone(() => unlinkSync(guard));
    return;
  }
  if (!isDone(() => writeNew(guard, String(process.pid)))) return;
  if (readText(path) === found) isDone(() => unlinkSync(path));
  isDone(() => unlinkSync(guard));
}

/** Those that are still empty. */
function removeMade(made: readonly string[]): void {
  for (const folder of made.toReversed()) isDone(() => rmdirSync(folder));
}

function writeNew(path: string, text: string): void {
  const fd = openSync(path, 'wx', 0o600);
  try {
    writeFileSync(fd, text);
  } finally {
    closeSync(fd);
  }
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

function parseHolder(text: string): Holder | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return null;
    if (!('pid' in value) || typeof value.pid !== 'number' || value.pid <= 0) return null;
    return {
      pid: value.pid,
      bootId: textOf(value, 'bootId'),
      startTicks: textOf(value, 'startTicks'),
      namespace: textOf(value, 'namespace'),
    };
  } catch {
    return null;
  }
}

function textOf(value: object, key: string): string {
  const found: unknown = Object.getOwnPropertyDescriptor(value, key)?.value;
  return typeof found === 'string' ? found : '';
}

function lockedBy(folder: string, holder: Holder): Fault {
  const where =
    holder.namespace === readNamespace() ? `process ${holder.pid}` : `process ${holder.pid} of another container`;
  return new Fault(
    'PB_DATA_LOCKED',
    `data folder ${folder} is in use by ${where}; stop it or choose another with --data`,
  );
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function isDone(action: () => void): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}
