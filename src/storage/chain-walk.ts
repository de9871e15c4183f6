/**
 * Walks the batches of a segment as links of a chain: each must begin at the offset where the one before ended. The place of a
 * batch (its base offset, its length) lies outside its checksum, so that a reader who checks checksums cannot tell that a
 * rotten bit has moved it; the chain can. Where a batch is damaged the walk says so, finds the next whole one, and goes on,
 * so that one bad batch costs no more than itself. Used for what was found on disk: reads of it, the checks of a whole
 * folder, the scrubber. What this process wrote itself is walked by `batch-walk`.
 *
 *     good   │ damaged: from here up to the next batch whose checksum holds   │ good      good    │ end
 *
 * Compaction leaves gaps: below `gapsBelow` a batch may begin later. Elsewhere a gap is believed too (a log may come from
 * anywhere), unless a single bit makes it and what follows does not know of it: that is a batch which was moved.
 */
import { getSystemErrorName } from 'node:util';
import { assert } from '../base/assert.ts';
import {
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  batchBaseOffset,
  batchBytes,
  batchCrcHolds,
  batchLastOffsetDelta,
  batchMagic,
  MAGIC,
} from '../protocol/batch.ts';
import type { Crc32c } from '../zerocopy/crc32c.ts';
import type { Memory } from '../zerocopy/memory.ts';
import type { Disk } from './disk.ts';

export interface Chain {
  readonly fd: number;
  readonly position: number;
  readonly end: number;
  /** Where the first batch must begin; a chain is begun where that is known. */
  readonly expected: number;
  /** Where the next segment begins; -1 for the last one. */
  readonly upper: number;
  /** Up to there compaction may have left gaps; Infinity: everywhere. */
  readonly gapsBelow: number;
  /** Whether checksums are compared as well, which reads all bytes. */
  readonly checksBytes: boolean;
}

const BUFFER_BYTES = 65_536;
const FIRST_READ_BYTES = 8192;
/** Further than this nobody looks for the next whole batch; what lies there counts as damaged with the rest. */
const SEARCH_BYTES_MAX = 64 << 20;

export class ChainWalk {
  /** What `next` came upon. */
  isDamaged = false;
  position = 0;
  length = 0;
  firstOffset = 0;
  /** Of damage: the last offset that is lost with it, as far as what follows tells; below `firstOffset` when nothing does. */
  lastOffset = -1;
  /** What is wrong. */
  problem = '';
  /** Of a read that failed since `begin`: a negative errno. What looks damaged from then on may be whole. */
  readError = 0;
  /** Header of a good batch, and its records where checksums are compared. */
  memory: Memory;
  at = 0;
  bytesRead = 0;

  private readonly disk: Pick<Disk, 'read' | 'allocate'>;
  private readonly crc: Crc32c;
  private readonly readsAhead: number;
  /** For headers that lie ahead of the buffer. */
  private readonly ahead: Memory;
  private chain: Chain = { fd: -1, position: 0, end: 0, expected: 0, upper: -1, gapsBelow: 0, checksBytes: false };
  private expected = 0;
  private bufferPosition = 0;
  private bufferBytes = 0;
  private readBytes = FIRST_READ_BYTES;
  private isEndTold = false;
  private peekedBytes = 0;

  /** `bufferBytes`: what is read at once where all bytes are. */
  constructor(disk: Pick<Disk, 'read' | 'allocate'>, crc: Crc32c, bufferBytes = BUFFER_BYTES) {
    this.disk = disk;
    this.crc = crc;
    this.readsAhead = bufferBytes;
    this.memory = disk.allocate(bufferBytes);
    this.ahead = disk.allocate(BATCH_HEADER_BYTES);
  }

  begin(chain: Chain): void {
    assert(chain.position <= chain.end, 'a walk begins before it ends');
    this.chain = chain;
    this.expected = chain.expected;
    this.position = chain.position;
    this.length = 0;
    this.isDamaged = false;
    this.readError = 0;
    this.bufferPosition = chain.position;
    this.bufferBytes = 0;
    this.readBytes = chain.checksBytes ? this.readsAhead : FIRST_READ_BYTES;
    this.isEndTold = false;
  }

  /** The offset after everything that was walked. */
  get endOffset(): number {
    return this.expected;
  }

  /** False at the end. */
  next(): boolean {
    const position = this.position + this.length;
    this.position = position;
    this.length = 0;
    this.firstOffset = this.expected;
    this.problem = '';
    this.isDamaged = false;
    if (position === this.chain.end) return this.lookBehindEnd();
    this.problem = this.judge(position);
    if (this.problem !== '') {
      if (this.readError < 0) this.problem = `the disk does not give the bytes (${getSystemErrorName(this.readError)})`;
      this.skipDamage(position);
      return true;
    }
    this.expected = this.lastOffset + 1;
    this.readBytes = this.chain.checksBytes
      ? this.readsAhead
      : this.length > BUFFER_BYTES / 4
        ? BATCH_HEADER_BYTES
        : Math.min(BUFFER_BYTES, this.readBytes * 2);
    return true;
  }

  /** A segment that ends before the next one begins has lost its end. */
  private lookBehindEnd(): boolean {
    const { upper } = this.chain;
    if (this.isEndTold || upper < 0 || this.expected >= upper || this.allowsGap(upper)) return false;
    this.isEndTold = true;
    this.isDamaged = true;
    this.problem = 'the file ends before the next segment begins';
    this.lastOffset = upper - 1;
    this.expected = upper;
    return true;
  }

  private allowsGap(offset: number): boolean {
    return offset <= this.chain.gapsBelow;
  }

  /** '' and the batch's fields when all is well with it. */
  private judge(position: number): string {
    const { end, upper } = this.chain;
    if (!this.load(position, BATCH_HEADER_BYTES)) return 'no whole batch header';
    const at = position - this.bufferPosition;
    const { view } = this.memory;
    const length = batchBytes(view, at);
    if (batchMagic(view, at) !== MAGIC) return `a batch of format ${batchMagic(view, at)}`;
    if (length < BATCH_HEADER_BYTES || position + length > end) return `a batch that says it has ${length} bytes`;
    const base = batchBaseOffset(view, at);
    const delta = batchLastOffsetDelta(view, at);
    const last = base + delta;
    if (!Number.isSafeInteger(base) || !Number.isSafeInteger(last) || delta < 0) return 'offsets that cannot be';
    if (base < this.expected) return `a batch that says it begins at offset ${base}`;
    if (upper >= 0 && last >= upper) return `a batch that says it ends at offset ${last}`;
    const isFollowed = this.isFollowed(position + length, last);
    if (base > this.expected && !this.isGap(position + length, base, last, isFollowed))
      return `a batch that says it begins at offset ${base}`;
    // Where the next one does not fit, or there is none, only its checksum tells whether its numbers are its own.
    const checksBytes = this.chain.checksBytes || isFollowed !== true;
    if (checksBytes && !this.hasChecksum(position, length)) return 'a batch whose checksum does not fit';
    this.length = length;
    this.firstOffset = base;
    this.lastOffset = last;
    this.at = position - this.bufferPosition;
    return '';
  }

  private hasChecksum(position: number, length: number): boolean {
    return this.load(position, length) && batchCrcHolds(this.memory, position - this.bufferPosition, length, this.crc);
  }

  /** Whether the header at a position goes on from an offset; null when there is none to tell. */
  private isFollowed(position: number, last: number): boolean | null {
    const next = this.peekBase(position);
    if (next < 0) return position === this.chain.end && this.chain.upper >= 0 ? this.chain.upper === last + 1 : null;
    return this.allowsGap(next) ? next > last : next === last + 1;
  }

  private isGap(position: number, base: number, last: number, isFollowed: boolean | null): boolean {
    if (!this.allowsGap(base)) return isFollowed === true || !isOneBitApart(base, this.expected);
    if (isFollowed !== false) return true;
    // The next one says it begins before this one ends. One of them was moved: whichever the third does not know of.
    const next = this.peekBase(position);
    if (next < this.expected) return true;
    const third = this.peekBase(position + this.peekedBytes);
    return third > last;
  }

  /** Base offset of what may be a batch header at a position; -1 when it is none. */
  private peekBase(position: number): number {
    const { end, fd } = this.chain;
    if (position + BATCH_HEADER_BYTES > end) return -1;
    let view = this.memory.view;
    let at = position - this.bufferPosition;
    if (at < 0 || at + BATCH_HEADER_BYTES > this.bufferBytes) {
      if (this.disk.read(fd, position, this.ahead, 0, BATCH_HEADER_BYTES) !== BATCH_HEADER_BYTES) return -1;
      view = this.ahead.view;
      at = 0;
    }
    const length = batchBytes(view, at);
    const base = batchBaseOffset(view, at);
    this.peekedBytes = length;
    const isHeader = batchMagic(view, at) === MAGIC && length >= BATCH_HEADER_BYTES && position + length <= end;
    return isHeader && Number.isSafeInteger(base) ? base : -1;
  }

  /** Makes `length` and `lastOffset` reach up to the next whole batch. */
  private skipDamage(position: number): void {
    const { end, upper } = this.chain;
    this.isDamaged = true;
    const next = this.findNext(position);
    this.length = (next < 0 ? end : next) - position;
    let behind = upper;
    if (next >= 0 && this.load(next, BATCH_HEADER_BYTES))
      behind = batchBaseOffset(this.memory.view, next - this.bufferPosition);
    this.lastOffset = behind < 0 ? this.expected - 1 : behind - 1;
    this.firstOffset = this.expected;
    this.expected = Math.max(this.expected, behind);
    if (next < 0) this.isEndTold = true;
  }

  private findNext(position: number): number {
    const length = this.lengthAt(position);
    const { end } = this.chain;
    if (length > 0 && position + length < end && this.isWhole(position + length)) return position + length;
    const until = Math.min(end, position + SEARCH_BYTES_MAX) - BATCH_HEADER_BYTES;
    this.readBytes = BUFFER_BYTES;
    for (let at = position + 1; at <= until; at++) {
      if (!this.load(at, BATCH_HEADER_BYTES)) return -1;
      if (this.memory.bytes[at - this.bufferPosition + BATCH_MAGIC] === MAGIC && this.isWhole(at)) return at;
    }
    return -1;
  }

  private lengthAt(position: number): number {
    if (!this.load(position, BATCH_HEADER_BYTES)) return 0;
    const length = batchBytes(this.memory.view, position - this.bufferPosition);
    return length >= BATCH_HEADER_BYTES ? length : 0;
  }

  /** A batch of this chain, later than all that is known, with a checksum that holds. */
  private isWhole(position: number): boolean {
    const base = this.peekBase(position);
    const length = this.peekedBytes;
    const { upper } = this.chain;
    if (base < this.expected || (upper >= 0 && base >= upper)) return false;
    return this.hasChecksum(position, length);
  }

  private load(position: number, length: number): boolean {
    if (position + length > this.chain.end) return false;
    if (position >= this.bufferPosition && position + length <= this.bufferPosition + this.bufferBytes) return true;
    if (length > this.memory.bytes.length) this.memory = this.disk.allocate(length);
    const most = Math.max(length, Math.min(this.readBytes, this.memory.bytes.length));
    const wanted = Math.min(most, this.chain.end - position);
    let got = 0;
    while (got < wanted) {
      const bytes = this.disk.read(this.chain.fd, position + got, this.memory, got, wanted - got);
      if (bytes < 0) this.readError = bytes;
      if (bytes <= 0) break;
      got += bytes;
    }
    this.bufferPosition = position;
    this.bufferBytes = got;
    this.bytesRead += got;
    return got >= length;
  }
}

/** Two offsets that one rotten bit tells apart. */
export function isOneBitApart(left: number, right: number): boolean {
  const low = (left >>> 0) ^ (right >>> 0);
  const high = Math.floor(left / 4_294_967_296) ^ Math.floor(right / 4_294_967_296);
  if (low !== 0 && high !== 0) return false;
  const bits = low === 0 ? high : low;
  return bits !== 0 && (bits & (bits - 1)) === 0;
}
