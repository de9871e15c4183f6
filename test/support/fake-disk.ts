/**
 * A disk in memory behind the port of `storage/disk.ts`, with faults that a seed reproduces: short writes, EIO, ENOSPC,
 * cold pages, a crash in the middle of any operation, and what a power cut leaves behind.
 *
 *   const disk = new FakeDisk({ seed });      disk.faults.shortWrite = 0.2;      disk.failNext('sync', 'EIO');
 *   disk.crashAt(17);  … throws FakeCrash at the 17th changing operation …  disk.crash('kill' | 'power');  recover
 *
 * Files that are used after they were closed, or closed twice, are bugs and throw.
 */
import { constants } from 'node:os';
import { assert, must } from '../../src/base/assert.ts';
import { Fault } from '../../src/base/fault.ts';
import type { Disk, FileStat, OpenMode } from '../../src/storage/disk.ts';
import type { Memory, WriteVector } from '../../src/zerocopy/memory.ts';
import { FAKE_START_MS } from './fake-clock.ts';
import { FakeFile, FakeFolder, type FakeNode, PAGE_BYTES } from './fake-files.ts';
import { plainMemory } from './plain-memory.ts';
import { Prng } from './prng.ts';

export type FakeErrno = 'EIO' | 'ENOSPC' | 'EACCES' | 'EMFILE' | 'EINTR' | 'EROFS';
export type FakeOperation =
  | 'write'
  | 'read'
  | 'readFile'
  | 'look'
  | 'sync'
  | 'syncSystem'
  | 'warm'
  | 'open'
  | 'truncate'
  | 'rename'
  | 'remove'
  | 'syncFolder';

/** The process died here. Nothing of ours catches it; the test does, and then calls `crash`. */
export class FakeCrash extends Error {
  override readonly name = 'FakeCrash';
}

/** Probabilities per call. */
export interface DiskFaults {
  shortWrite: number;
  writeError: number;
  readError: number;
  syncError: number;
  /** After a failed flush of a file the next one succeeds without having written what the failed one did not. */
  forgetsFailedSyncs: boolean;
}

export interface FakeDiskOptions {
  readonly seed?: number;
  /** All files together; a write beyond it is cut short, and the next gets ENOSPC. */
  readonly capacityBytes?: number;
  readonly nowMs?: () => number;
}

interface OpenFile {
  readonly file: FakeFile;
  readonly path: string;
  readonly isWritable: boolean;
}

export class FakeDisk implements Disk {
  readonly faults: DiskFaults = {
    shortWrite: 0,
    writeError: 0,
    readError: 0,
    syncError: 0,
    forgetsFailedSyncs: false,
  };
  /** The process has died: whatever of it still runs finds no disk, until `crash` makes it usable again. */
  isDown = false;
  /** What was asked for and failed, in order. */
  readonly failures: FakeOperation[] = [];
  /** Paths of flushes that failed; those of folders end in a slash. */
  readonly failedSyncs: string[] = [];
  readonly counts = { write: 0, read: 0, sync: 0, syncSystem: 0, look: 0, warm: 0, open: 0, close: 0, syncFolder: 0 };
  /** What was asked to be written back, in order. */
  readonly writtenBack: { readonly path: string; readonly position: number; readonly length: number }[] = [];
  /** As on Linux; false as without the native part. */
  hasSyncSystem = true;
  capacityBytes: number;

  private readonly random: Prng;
  private readonly nowMs: () => number;
  private readonly root = new FakeFolder();
  private readonly openFiles = new Map<number, OpenFile>();
  private readonly openFolders = new Map<number, { readonly folder: FakeFolder; readonly path: string }>();
  private readonly nextFailures = new Map<FakeOperation, (FakeErrno | null)[]>();
  private readonly ailing = new Set<FakeFile>();
  private nextFd = 1000;
  private changesUntilCrash = Number.POSITIVE_INFINITY;
  private usedBytes = 0;
  private lastWritten: FakeFile | null = null;

  constructor(options: FakeDiskOptions = {}) {
    this.random = new Prng(options.seed ?? 1);
    this.capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY;
    this.nowMs = options.nowMs ?? (() => FAKE_START_MS);
  }

  // ── what a test does ──────────────────────────────────────────────────────────────────────────────────────────────

  /** The next call of this kind fails so, or one that comes as many calls later; several calls queue up. */
  failNext(operation: FakeOperation, errno: FakeErrno, callsBefore = 0): void {
    const waiting = this.nextFailures.get(operation) ?? [];
    for (let call = 0; call < callsBefore; call++) waiting.push(null);
    waiting.push(errno);
    this.nextFailures.set(operation, waiting);
  }

  /** The device gives nothing of the file until it is forgiven. */
  ail(path: string): void {
    this.ailing.add(this.fileAt(path));
  }

  /** Throws FakeCrash in the n-th changing operation from now on (1: the next); a write is torn by it. */
  crashAt(operation: number): void {
    assert(operation >= 1, 'a crash happens in some operation');
    this.changesUntilCrash = operation;
  }

  /** Nothing that was asked for by `failNext`, `ail` and `crashAt` happens any more. */
  forgive(): void {
    this.nextFailures.clear();
    this.ailing.clear();
    this.changesUntilCrash = Number.POSITIVE_INFINITY;
  }

  /**
   * 'kill': the process is gone, the page cache stays. 'power': only what was synced is sure to stay. All descriptors
   * are closed and no faults are pending; the disk can be used again at once.
   */
  crash(kind: 'kill' | 'power'): void {
    this.isDown = false;
    this.openFiles.clear();
    this.openFolders.clear();
    this.forgive();
    if (kind === 'power') this.root.losePower(this.random);
    this.lastWritten = null;
    this.recount();
  }

  /** As `crash('kill')`, but the last write call had not finished: a part of its bytes may be missing. */
  crashInLastWrite(): void {
    this.lastWritten?.tearLastWrite(this.random);
    this.crash('kill');
  }

  /** Drops the file from the page cache. */
  chill(path: string): void {
    this.fileAt(path).chill();
  }

  contentOf(path: string): Uint8Array {
    return this.fileAt(path).bytes.slice();
  }

  durableContentOf(path: string): Uint8Array {
    return this.fileAt(path).durableBytes.slice();
  }

  /** Of an open file. */
  pathOf(fd: number): string {
    return this.openFiles.get(fd)?.path ?? '';
  }

  isSynced(path: string): boolean {
    return this.fileAt(path).isSynced;
  }

  /** Damages stored bytes, as a bad sector would. */
  corrupt(path: string, position: number, bytes: Uint8Array): void {
    const file = this.fileAt(path);
    file.write(position, bytes);
    file.sync();
    this.recount();
  }

  get usedBytesTotal(): number {
    return this.usedBytes;
  }

  get openCount(): number {
    return this.openFiles.size;
  }

  // ── data path ─────────────────────────────────────────────────────────────────────────────────────────────────────

  writeVector(fd: number, position: number, vector: WriteVector): number {
    const bytes = new Uint8Array(vector.bytesTotal);
    let filled = 0;
    for (let index = 0; index < vector.count; index++) {
      const memory = must(vector.memories[index], 'a piece of a vector has memory');
      const at = must(vector.ats[index], 'a piece of a vector has a place');
      const length = must(vector.lengths[index], 'a piece of a vector has a length');
      assert(at >= 0 && at + length <= memory.bytes.length, 'a piece lies within its memory');
      bytes.set(memory.bytes.subarray(at, at + length), filled);
      filled += length;
    }
    assert(filled === vector.bytesTotal, 'a vector knows how long it is');
    return this.writeBytes(fd, position, bytes);
  }

  write(fd: number, position: number, memory: Memory, at: number, length: number): number {
    assert(at >= 0 && at + length <= memory.bytes.length, 'written bytes lie within their memory');
    return this.writeBytes(fd, position, memory.bytes.subarray(at, at + length));
  }

  read(fd: number, position: number, memory: Memory, at: number, length: number): number {
    assert(at >= 0 && at + length <= memory.bytes.length, 'read bytes fit into their memory');
    this.counts.read += 1;
    this.demandPower();
    const { file } = this.opened(fd);
    const failure = this.failureOf('read', this.faults.readError, file);
    if (failure !== null) return failure;
    const bytes = file.bytes.subarray(position, position + length);
    memory.bytes.set(bytes, at);
    this.heat(file, position, length);
    return bytes.length;
  }

  sync(fd: number): number {
    this.counts.sync += 1;
    const opened = this.openFolders.get(fd);
    const node = opened?.folder ?? this.opened(fd).file;
    this.countChange();
    const failure = this.failureOf('sync', this.faults.syncError);
    if (failure === null) {
      node.sync();
      return 0;
    }
    this.failedSyncs.push(opened === undefined ? this.opened(fd).path : `${opened.path}/`);
    if (this.faults.forgetsFailedSyncs && node.kind === 'file') node.forgetUnsynced();
    return failure;
  }

  writeBack(fd: number, position: number, length: number): number {
    this.writtenBack.push({ path: this.opened(fd).path, position, length });
    return 0;
  }

  syncSystem(fd: number): number {
    if (!this.openFolders.has(fd)) this.opened(fd);
    if (!this.hasSyncSystem) return -constants.errno.ENOSYS;
    this.counts.syncSystem += 1;
    this.countChange();
    const failure = this.failureOf('syncSystem', this.faults.syncError);
    if (failure !== null) return failure;
    this.root.syncAll();
    return 0;
  }

  residentBytes(fd: number, position: number, length: number, isCertain: boolean): number {
    if (isCertain) this.counts.look += 1;
    const { file } = this.opened(fd);
    for (let page = Math.floor(position / PAGE_BYTES); page * PAGE_BYTES < position + length; page++) {
      if (file.coldPages.has(page)) return Math.max(0, page * PAGE_BYTES - position);
    }
    return length;
  }

  warm(fd: number, position: number, length: number): number {
    this.counts.warm += 1;
    const { file } = this.opened(fd);
    const failure = this.failureOf('warm', 0, file);
    if (failure !== null) return failure;
    this.heat(file, position, length);
    return length;
  }

  freeBytes(_path: string): number {
    return Math.max(0, this.capacityBytes - this.usedBytes);
  }

  // ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  open(path: string, mode: OpenMode): number {
    this.counts.open += 1;
    this.demandPower();
    this.throwFailureOf('open', path);
    let node = this.nodeAt(path);
    if (node === null) {
      if (mode !== 'create') throw fileFault('opened', path, 'ENOENT');
      this.countChange();
      node = new FakeFile();
      node.modifiedMs = this.nowMs();
      this.folderOf(path).change([{ name: nameOf(path), node }]);
    }
    if (node.kind !== 'file' && mode !== 'read') throw fileFault('opened', path, 'EISDIR');
    const fd = this.nextFd;
    this.nextFd += 1;
    if (node.kind !== 'file') {
      this.openFolders.set(fd, { folder: node, path });
      return fd;
    }
    this.openFiles.set(fd, { file: node, path, isWritable: mode !== 'read' });
    return fd;
  }

  close(fd: number): void {
    this.counts.close += 1;
    if (this.openFolders.delete(fd)) return;
    this.opened(fd);
    this.openFiles.delete(fd);
  }

  sizeBytes(fd: number): number {
    return this.opened(fd).file.sizeBytes;
  }

  truncate(fd: number, sizeBytes: number): void {
    const { file, path } = this.writable(fd);
    this.throwFailureOf('truncate', path);
    this.countChange();
    this.usedBytes += sizeBytes - file.sizeBytes;
    file.truncate(sizeBytes);
    file.modifiedMs = this.nowMs();
  }

  reserve(fd: number, position: number, length: number): void {
    this.writable(fd);
    assert(position >= 0 && length >= 0, 'what is reserved lies within a file');
  }

  makeFolder(path: string): void {
    let folder = this.root;
    for (const name of namesOf(path)) {
      const child = folder.entries.get(name);
      if (child?.kind === 'file') throw fileFault('made', path, 'ENOTDIR');
      if (child !== undefined) {
        folder = child;
        continue;
      }
      this.countChange();
      const made = new FakeFolder();
      folder.change([{ name, node: made }]);
      folder = made;
    }
  }

  list(path: string): string[] {
    this.throwFailureOf('look', path);
    return [...this.folderAt(path).entries.keys()].sort();
  }

  stat(path: string): FileStat | null {
    this.throwFailureOf('look', path);
    const node = this.nodeAt(path);
    if (node === null) return null;
    return node.kind === 'file'
      ? { sizeBytes: node.sizeBytes, modifiedMs: node.modifiedMs, isFolder: false }
      : { sizeBytes: 0, modifiedMs: 0, isFolder: true };
  }

  setModified(path: string, modifiedMs: number): void {
    const node = this.nodeAt(path);
    if (node?.kind !== 'file') throw fileFault('given its time', path, 'ENOENT');
    node.modifiedMs = modifiedMs;
  }

  rename(from: string, to: string): void {
    this.throwFailureOf('rename', from);
    const node = this.nodeAt(from);
    if (node === null) throw fileFault('renamed', from, 'ENOENT');
    this.countChange();
    const source = this.folderOf(from);
    const target = this.folderOf(to);
    this.usedBytes -= bytesOf(target.entries.get(nameOf(to)));
    if (source === target) {
      source.change([
        { name: nameOf(from), node: null },
        { name: nameOf(to), node },
      ]);
    } else {
      target.change([{ name: nameOf(to), node }]);
      source.change([{ name: nameOf(from), node: null }]);
    }
  }

  remove(path: string): void {
    this.throwFailureOf('remove', path);
    const node = this.nodeAt(path);
    if (node?.kind !== 'file') throw fileFault('removed', path, 'ENOENT');
    this.countChange();
    this.usedBytes -= node.sizeBytes;
    this.folderOf(path).change([{ name: nameOf(path), node: null }]);
  }

  removeFolder(path: string): void {
    this.throwFailureOf('remove', path);
    this.usedBytes -= bytesOf(this.folderAt(path));
    this.countChange();
    this.folderOf(path).change([{ name: nameOf(path), node: null }]);
  }

  syncFolder(path: string): void {
    this.counts.syncFolder += 1;
    const folder = this.folderAt(path);
    this.throwFailureOf('syncFolder', path);
    this.countChange();
    folder.sync();
  }

  readFile(path: string): Uint8Array | null {
    this.demandPower();
    const node = this.nodeAt(path);
    this.throwFailureOf('readFile', path);
    if (node?.kind !== 'file') return null;
    if (this.ailing.has(node)) throw this.failed('readFile', path, 'EIO');
    return node.bytes.slice();
  }

  makeFile(path: string, content: Uint8Array): void {
    if (this.nodeAt(path) !== null) throw fileFault('made', path, 'EEXIST');
    this.writeNew(path, content, false);
  }

  replaceFile(path: string, content: Uint8Array): void {
    this.writeBeside(path, content, true);
    this.syncFolder(parentOf(path));
  }

  swapFile(path: string, content: Uint8Array): void {
    this.writeBeside(path, content, false);
  }

  private writeBeside(path: string, content: Uint8Array, isFlushed: boolean): void {
    const beside = `${path}.tmp`;
    this.writeNew(beside, content, isFlushed);
    this.rename(beside, path);
  }

  private writeNew(path: string, content: Uint8Array, isFlushed: boolean): void {
    const fd = this.open(path, 'create');
    this.truncate(fd, 0);
    for (let from = 0; from < content.length; ) {
      const written = this.writeBytes(fd, from, content.subarray(from));
      if (written < 0) throw this.abandoned(fd, path, written);
      from += written;
    }
    const synced = isFlushed ? this.sync(fd) : 0;
    if (synced < 0) throw this.abandoned(fd, path, synced);
    this.close(fd);
  }

  allocate(bytes: number): Memory {
    return plainMemory(bytes);
  }

  // ── inside ────────────────────────────────────────────────────────────────────────────────────────────────────────

  private writeBytes(fd: number, position: number, bytes: Uint8Array): number {
    this.counts.write += 1;
    const { file } = this.writable(fd);
    assert(position >= 0 && bytes.length > 0, 'a write has bytes and a position');
    if (this.isCrashNow()) {
      file.write(position, bytes.subarray(0, this.random.nextInt(bytes.length + 1)));
      throw new FakeCrash('the process died in the middle of a write');
    }
    const failure = this.failureOf('write', this.faults.writeError);
    if (failure !== null) return failure;
    let count = bytes.length;
    if (this.random.nextBoolean(this.faults.shortWrite)) count = 1 + this.random.nextInt(count);
    const room = this.capacityBytes - this.usedBytes + Math.max(0, file.sizeBytes - position);
    if (room <= 0) return -constants.errno.ENOSPC;
    count = Math.min(count, room);
    this.usedBytes += Math.max(0, position + count - file.sizeBytes);
    file.write(position, bytes.subarray(0, count));
    file.modifiedMs = this.nowMs();
    this.heat(file, position, count);
    this.lastWritten = file;
    return count;
  }

  private heat(file: FakeFile, position: number, length: number): void {
    if (file.coldPages.size === 0) return;
    for (let page = Math.floor(position / PAGE_BYTES); page * PAGE_BYTES < position + length; page++) {
      file.coldPages.delete(page);
    }
  }

  private failureOf(operation: FakeOperation, probability: number, file: FakeFile | null = null): number | null {
    const waiting = this.nextFailures.get(operation)?.shift() ?? null;
    const isFailing = file !== null && this.ailing.has(file);
    const errno = waiting ?? (isFailing || this.random.nextBoolean(probability) ? 'EIO' : null);
    if (errno === null) return null;
    this.failures.push(operation);
    return -constants.errno[errno];
  }

  private throwFailureOf(operation: FakeOperation, path: string): void {
    const waiting = this.nextFailures.get(operation)?.shift() ?? null;
    if (waiting !== null) throw this.failed(operation, path, waiting);
  }

  private failed(operation: FakeOperation, path: string, errno: FakeErrno): Fault {
    this.failures.push(operation);
    return fileFault(`reached (${operation})`, path, errno);
  }

  private isCrashNow(): boolean {
    this.demandPower();
    this.changesUntilCrash -= 1;
    if (this.changesUntilCrash === 0) this.isDown = true;
    return this.isDown;
  }

  private demandPower(): void {
    if (this.isDown) throw new FakeCrash('the process is dead and does nothing more');
  }

  private countChange(): void {
    if (this.isCrashNow()) throw new FakeCrash('the process died before a change of the disk');
  }

  private abandoned(fd: number, path: string, result: number): Fault {
    this.close(fd);
    return fileFault('written', path, result === -constants.errno.ENOSPC ? 'ENOSPC' : 'EIO');
  }

  private recount(): void {
    this.usedBytes = 0;
    for (const file of this.root.files()) this.usedBytes += file.sizeBytes;
  }

  private opened(fd: number): OpenFile {
    return must(this.openFiles.get(fd), 'a file is used while it is open');
  }

  private writable(fd: number): OpenFile {
    const open = this.opened(fd);
    assert(open.isWritable, 'a file is changed only when it was opened for that');
    return open;
  }

  private nodeAt(path: string): FakeNode | null {
    let node: FakeNode = this.root;
    for (const name of namesOf(path)) {
      const child: FakeNode | undefined = node.kind === 'folder' ? node.entries.get(name) : undefined;
      if (child === undefined) return null;
      node = child;
    }
    return node;
  }

  private fileAt(path: string): FakeFile {
    const node = this.nodeAt(path);
    if (node?.kind !== 'file') throw fileFault('found', path, 'ENOENT');
    return node;
  }

  private folderAt(path: string): FakeFolder {
    const node = this.nodeAt(path);
    if (node?.kind !== 'folder') throw fileFault('found', path, 'ENOENT');
    return node;
  }

  private folderOf(path: string): FakeFolder {
    return this.folderAt(parentOf(path));
  }
}

function bytesOf(node: FakeNode | undefined): number {
  if (node === undefined) return 0;
  if (node.kind === 'file') return node.sizeBytes;
  let bytes = 0;
  for (const file of node.files()) bytes += file.sizeBytes;
  return bytes;
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

function nameOf(path: string): string {
  return must(namesOf(path).at(-1), 'a path ends in a name');
}

function parentOf(path: string): string {
  return `/${namesOf(path).slice(0, -1).join('/')}`;
}

function fileFault(deed: string, path: string, errno: string): Fault {
  const code = errno === 'ENOSPC' ? 'PB_DISK_FULL' : 'PB_DISK_ERROR';
  return new Fault(code, `${path} could not be ${deed}: ${errno} on the fake disk`, { cause: { code: errno } });
}
