/**
 * Reads of segments that were found on disk when the log was opened: bytes that nobody has looked at since. Before a stretch of
 * them is shown for the first time its batches are walked as a chain (`chain-walk`), by their headers alone, so that a batch
 * which a rotten bit has moved to another offset reaches nobody: its checksum would not tell. What was looked at is remembered
 * by the segment. Segments that this process wrote itself are none of its business.
 *
 * A walk begins at a place that two files agree on: an index entry and the batch that ends at its offset; else at the start.
 */
import { Fault } from '../base/fault.ts';
import type { Chain } from './chain-walk.ts';
import type { Segment } from './segment.ts';
import type { StorageTools } from './storage-tools.ts';

export const CHAIN_DAMAGED = -1;
const ANCHORS_MAX = 4;

export class FoundChain {
  /** Where the damage begins that the last call came upon. */
  damagedAt = 0;
  private readonly tools: StorageTools;

  constructor(tools: StorageTools) {
    this.tools = tools;
  }

  /** Position of the batch that ends at the offset or later; the end of the file when there is none; CHAIN_DAMAGED. Throws Fault. */
  locate(segment: Segment, offset: number, upper: number, gapsBelow: number): number {
    const walk = this.tools.chainWalk;
    walk.begin(this.chainFrom(segment, segment.offsets.floorByOffset(offset), upper, gapsBelow));
    while (walk.next()) {
      if (walk.isDamaged) {
        const isKnown = walk.lastOffset >= walk.firstOffset;
        if (!isKnown || offset > walk.lastOffset) continue;
        this.tell(segment);
        return CHAIN_DAMAGED;
      }
      if (walk.lastOffset >= offset) return walk.position;
    }
    if (!walk.isDamaged) return segment.sizeBytes;
    this.tell(segment);
    return CHAIN_DAMAGED;
  }

  /** What the end of a log's last segment says: `isSound` when it ends in a whole batch, and the offset behind. */
  endOf(segment: Segment, gapsBelow: number): { readonly isSound: boolean; readonly endOffset: number } {
    const walk = this.tools.chainWalk;
    walk.begin(this.chainFrom(segment, segment.offsets.lastPosition, -1, gapsBelow));
    let isSound = true;
    let endOffset = segment.baseOffset;
    while (walk.next()) {
      isSound = !walk.isDamaged;
      if (walk.isDamaged) this.damagedAt = walk.position;
      endOffset = walk.isDamaged ? walk.firstOffset : walk.lastOffset + 1;
    }
    return { isSound, endOffset };
  }

  /** How many of the bytes are batches in their place; 0 when the first is not. Throws Fault. */
  soundBytes(segment: Segment, position: number, length: number, upper: number, gapsBelow: number): number {
    const end = position + length;
    const from = segment.found.uncheckedFrom(position, end);
    if (from === end) return length;
    const walk = this.tools.chainWalk;
    const floor = from === 0 ? 0 : segment.offsets.floorByPosition(from);
    walk.begin(this.chainFrom(segment, floor, upper, gapsBelow));
    while (walk.next()) {
      const walkedTo = walk.position + walk.length;
      if (walkedTo <= from) continue;
      // A region begins where a batch does; one that begins elsewhere was led there by something that is damaged.
      const isAstray = walk.position < from;
      if (walk.isDamaged || isAstray) {
        this.tell(segment);
        segment.found.note(position, Math.max(position, walk.position));
        return Math.max(0, walk.position - position);
      }
      if (walkedTo >= end) break;
    }
    segment.found.note(position, end);
    return length;
  }

  private chainFrom(segment: Segment, floor: number, upper: number, gapsBelow: number): Chain {
    const { walk, files } = this.tools;
    const chain = { position: 0, end: segment.sizeBytes, expected: segment.baseOffset };
    for (let position = floor, tries = 0; position > 0 && tries < ANCHORS_MAX; tries++) {
      if (position >= segment.sizeBytes) break;
      walk.begin(files.use(segment.log), position, segment.sizeBytes);
      if (walk.next() && walk.lastOffset === segment.offsets.offsetAtPosition(position)) {
        chain.position = position;
        chain.expected = walk.baseOffset;
        break;
      }
      position = segment.offsets.floorByPosition(position - 1);
    }
    // The index was looked at in between, which may have closed the log where few files can be open.
    return { ...chain, fd: files.use(segment.log), upper, gapsBelow, checksBytes: false };
  }

  private tell(segment: Segment): void {
    const walk = this.tools.chainWalk;
    if (walk.readError < 0)
      throw new Fault('PB_DISK_ERROR', `${segment.log.path} cannot be read behind byte ${walk.position}`);
    this.damagedAt = walk.position;
    if (!segment.found.isNews(walk.position)) return;
    const { position, firstOffset, lastOffset, problem } = walk;
    const offsets =
      lastOffset > firstOffset ? `offsets ${firstOffset} to ${lastOffset} are` : `offset ${firstOffset} is`;
    this.tools.logger.warn(
      `${segment.log.path} is damaged at byte ${position}: ${problem}; ${offsets} answered with CORRUPT_MESSAGE, read on behind`,
    );
  }
}
