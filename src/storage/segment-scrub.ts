/**
 * What the scrubber looks at in one segment: what `segment-check` compares, and the entries of its aborted transactions with the
 * batches that go by. Without the log before it nobody knows all of them, so an entry counts as wrong where the segment
 * itself contradicts it: its marker is not there, its first batch is not its own, or a transaction that begins and is aborted
 * here has none. `log verify` replays whole logs and knows more.
 */
import {
  batchIsControl,
  batchIsTransactional,
  batchLastOffset,
  batchProducerId,
  readInt64,
} from '../protocol/batch.ts';
import { ABORTED_ENTRY_BYTES } from './aborted-index.ts';
import type { ChainWalk } from './chain-walk.ts';
import { ControlMarker, MARKER_ABORT } from './control-marker.ts';
import { fileFinding, type TellFinding } from './finding.ts';
import type { ReadingDisk } from './gentle-disk.ts';
import { abortedPath, checkSegment, KEPT, type SegmentChecked, type SegmentToCheck } from './segment-check.ts';
import type { Crc } from './storage-tools.ts';

const OUTCOME =
  'it is made anew when it is read for the first time after a start; until then read_committed may err here';

export function scrubSegment(
  disk: ReadingDisk,
  crc: Crc,
  segment: SegmentToCheck,
  tell: TellFinding,
  pace: (bytes: number) => void,
): SegmentChecked {
  let isWhole = true;
  const seen = new SegmentTransactions();
  const checked = checkSegment(disk, crc, segment, {
    tell: (finding) => {
      isWhole = false;
      tell(finding);
    },
    pace,
    outcomeOf: () => KEPT,
    meet: (walk) => seen.meet(walk),
  });
  // Batches that cannot be read, or that compaction took, contradict nothing.
  if (!isWhole || segment.gapsBelow > segment.baseOffset) return checked;
  const file = abortedPath(segment);
  const problem = seen.problemOf(disk.readFile(file) ?? new Uint8Array(0), segment.baseOffset);
  if (problem !== '') tell(fileFinding(file, problem, OUTCOME));
  return checked;
}

/** Bounded by the segment's markers and by the producers whose transactions begin in it. */
class SegmentTransactions {
  private readonly marker = new ControlMarker();
  /** Producer → its first batch in this segment of the transaction that no marker has ended yet. */
  private readonly open = new Map<number, number>();
  /** Offsets of abort markers → producer, and its first batch in this segment; -1: there is none. */
  private readonly aborts = new Map<number, { readonly producerId: number; readonly firstOffset: number }>();

  meet({ memory: { view }, at, length, firstOffset }: ChainWalk): void {
    if (!batchIsTransactional(view, at)) return;
    const producerId = batchProducerId(view, at);
    if (!batchIsControl(view, at)) {
      if (!this.open.has(producerId)) this.open.set(producerId, firstOffset);
      return;
    }
    this.marker.read(view, at, at + length);
    if (this.marker.kind === MARKER_ABORT)
      this.aborts.set(batchLastOffset(view, at), { producerId, firstOffset: this.open.get(producerId) ?? -1 });
    this.open.delete(producerId);
  }

  /** '' when nothing in the file of aborted transactions is contradicted. */
  problemOf(bytes: Uint8Array, baseOffset: number): string {
    if (bytes.length % ABORTED_ENTRY_BYTES !== 0) return 'its last entry is not whole';
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const listed = new Set<number>();
    let stableMax = 0;
    for (let at = 0; at < bytes.length; at += ABORTED_ENTRY_BYTES) {
      const [producerId, first, last] = [readInt64(view, at + 2), readInt64(view, at + 10), readInt64(view, at + 18)];
      const stable = readInt64(view, at + 26);
      const isLaidOut = view.getInt16(at) === 0 && first >= stableMax && stable >= stableMax && stable <= last + 1;
      const abort = this.aborts.get(last);
      // A transaction that began in a segment before may have batches here as well.
      const isItsBegin = abort?.firstOffset === first || first < baseOffset;
      if (!isLaidOut || abort?.producerId !== producerId || !isItsBegin)
        return `the entry at byte ${at} says that producer ${producerId} aborted ${first} to ${last}, the batches do not`;
      stableMax = stable;
      listed.add(last);
    }
    for (const [last, { producerId, firstOffset }] of this.aborts)
      if (firstOffset >= 0 && !listed.has(last))
        return `the transaction that producer ${producerId} aborted, ${firstOffset} to ${last}, is missing`;
    return '';
  }
}
