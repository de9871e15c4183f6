/**
 * Files and folders of the fake disk: what a running process sees, and what would be left after the power went.
 *
 * A file's bytes become durable with `sync` of the file, its name with `sync` of the folder it lies in: the least that
 * POSIX promises, and less than most file systems do. What is not durable when the power goes survives or not at the
 * seed's whim, write by write and in halves; names survive up to some point of their folder's history. Within a block the
 * bytes of a file and its size survive apart: bytes may lie behind the end, and come into sight when the size grows over them.
 */
import { assert } from '../../src/base/assert.ts';
import type { Prng } from './prng.ts';

export const PAGE_BYTES = 4096;
const SECTOR_BYTES = 512;

/** A change of content that was not synced: bytes at a position, or a new size. */
type Change = { kind: 'write'; position: number; bytes: Uint8Array } | { kind: 'truncate'; sizeBytes: number };

/** What may become of a change that was not synced. */
type PartialFate = 'torn' | 'bytes only' | 'size only';
const FATES: readonly ('kept' | 'lost' | PartialFate)[] = ['kept', 'kept', 'lost', 'torn', 'bytes only', 'size only'];

class Content {
  private space = new Uint8Array(0);
  sizeBytes = 0;

  get bytes(): Uint8Array {
    return this.space.subarray(0, this.sizeBytes);
  }

  write(position: number, bytes: Uint8Array): void {
    this.hold(position + bytes.length);
    this.space.set(bytes, position);
    this.sizeBytes = Math.max(this.sizeBytes, position + bytes.length);
  }

  truncate(sizeBytes: number): void {
    this.hold(sizeBytes);
    this.space.fill(0, Math.min(sizeBytes, this.sizeBytes));
    this.sizeBytes = sizeBytes;
  }

  /** Whether a write makes the file larger and stays in its last block. */
  isGrowthOfBlock(position: number, length: number): boolean {
    const end = position + length;
    return end > this.sizeBytes && end <= Math.ceil(this.sizeBytes / PAGE_BYTES) * PAGE_BYTES;
  }

  /** The bytes of a growth that reach the device without the size. */
  writeBehindEnd(position: number, bytes: Uint8Array): void {
    this.hold(position + bytes.length);
    this.space.set(bytes, position);
  }

  /** The size of a growth that reaches the device without the bytes: what lies there comes into sight. */
  grow(sizeBytes: number): void {
    this.hold(sizeBytes);
    this.sizeBytes = Math.max(this.sizeBytes, sizeBytes);
  }

  /** Whoever writes the last block writes zeros behind the end. */
  clearBehindEnd(): void {
    this.space.fill(0, this.sizeBytes);
  }

  apply(change: Change): void {
    if (change.kind === 'write') this.write(change.position, change.bytes);
    else this.truncate(change.sizeBytes);
  }

  copy(): Content {
    const copy = new Content();
    copy.write(0, this.bytes);
    return copy;
  }

  private hold(sizeBytes: number): void {
    if (sizeBytes <= this.space.length) return;
    const wider = new Uint8Array(Math.max(sizeBytes, this.space.length * 2, SECTOR_BYTES));
    wider.set(this.space);
    this.space = wider;
  }
}

export class FakeFile {
  readonly kind = 'file';
  modifiedMs = 0;
  /** Pages that are not in the page cache. */
  readonly coldPages = new Set<number>();
  private live = new Content();
  private durable = new Content();
  private unsynced: Change[] = [];

  get sizeBytes(): number {
    return this.live.sizeBytes;
  }

  get bytes(): Uint8Array {
    return this.live.bytes;
  }

  get durableBytes(): Uint8Array {
    return this.durable.bytes;
  }

  get isSynced(): boolean {
    return this.unsynced.length === 0;
  }

  write(position: number, bytes: Uint8Array): void {
    this.change({ kind: 'write', position, bytes: bytes.slice() });
  }

  truncate(sizeBytes: number): void {
    this.change({ kind: 'truncate', sizeBytes });
  }

  sync(): void {
    for (const change of this.unsynced) this.durable.apply(change);
    if (this.unsynced.length > 0) this.durable.clearBehindEnd();
    this.unsynced = [];
  }

  /**
   * A flush that failed: Linux calls the pages clean all the same. They are read from memory as long as it lasts, the next
   * flush passes over them, and the device never sees them.
   */
  forgetUnsynced(): void {
    this.unsynced = [];
  }

  /** The process died in the middle of its last write: a part of it may be missing. */
  tearLastWrite(random: Prng): void {
    const last = this.unsynced.at(-1);
    if (last === undefined || last.kind !== 'write') return;
    const before = this.durable.copy();
    for (const change of this.unsynced.slice(0, -1)) before.apply(change);
    const torn: Change = { ...last, bytes: last.bytes.slice(0, random.nextInt(last.bytes.length + 1)) };
    before.apply(torn);
    this.unsynced[this.unsynced.length - 1] = torn;
    this.live = before;
  }

  losePower(random: Prng): void {
    for (const change of this.unsynced) {
      const fate = FATES[random.nextInt(FATES.length)];
      if (fate === 'lost') continue;
      if (change.kind === 'truncate' || fate === 'kept') this.durable.apply(change);
      else this.keepPart(change.position, change.bytes, fate, random);
    }
    this.unsynced = [];
    this.live = this.durable.copy();
    this.chill();
  }

  private keepPart(position: number, bytes: Uint8Array, fate: PartialFate | undefined, random: Prng): void {
    const { durable } = this;
    const isGrowth = durable.isGrowthOfBlock(position, bytes.length);
    if (fate === 'torn') {
      const sectors = random.nextInt(Math.ceil(bytes.length / SECTOR_BYTES) + 1);
      durable.write(position, bytes.slice(0, sectors * SECTOR_BYTES));
    } else if (!isGrowth) durable.write(position, bytes);
    else if (fate === 'bytes only') durable.writeBehindEnd(position, bytes);
    else durable.grow(position + bytes.length);
  }

  chill(): void {
    for (let page = 0; page * PAGE_BYTES < this.sizeBytes; page++) this.coldPages.add(page);
  }

  private change(change: Change): void {
    this.live.apply(change);
    this.unsynced.push(change);
  }
}

export type FakeNode = FakeFile | FakeFolder;

/** One step of a folder's history: names that got a node, or lost theirs. A rename is one step. */
type Step = { name: string; node: FakeNode | null }[];

export class FakeFolder {
  readonly kind = 'folder';
  entries = new Map<string, FakeNode>();
  private durable = new Map<string, FakeNode>();
  private unsynced: Step[] = [];

  change(step: Step): void {
    applyStep(this.entries, step);
    this.unsynced.push(step);
  }

  sync(): void {
    for (const step of this.unsynced) applyStep(this.durable, step);
    this.unsynced = [];
  }

  /** As a flush of the whole file system does. */
  syncAll(): void {
    this.sync();
    for (const node of this.entries.values()) {
      if (node.kind === 'file') node.sync();
      else node.syncAll();
    }
  }

  losePower(random: Prng): void {
    const survivors = random.nextInt(this.unsynced.length + 1);
    for (const step of this.unsynced.slice(0, survivors)) applyStep(this.durable, step);
    this.unsynced = [];
    this.entries = new Map(this.durable);
    for (const node of this.entries.values()) node.losePower(random);
  }

  *files(): Generator<FakeFile> {
    for (const node of this.entries.values()) {
      if (node.kind === 'file') yield node;
      else yield* node.files();
    }
  }
}

function applyStep(entries: Map<string, FakeNode>, step: Step): void {
  assert(step.length > 0, 'a step of a folder changes a name');
  for (const { name, node } of step) {
    if (node === null) entries.delete(name);
    else entries.set(name, node);
  }
}
