/**
 * Which offsets the bytes of a read hold, batch by batch, and which of them no member of a share group is to see: markers
 * always, and where the group reads only what is committed, the records of aborted transactions. Called with what
 * `PartitionPort.read` gave; it looks at headers only.
 */
import {
  BATCH_HEADER_BYTES,
  batchBaseOffset,
  batchBytes,
  batchIsControl,
  batchIsTransactional,
  batchLastOffset,
  batchProducerId,
} from '../protocol/batch.ts';
import { ControlMarker, MARKER_ABORT } from '../storage/control-marker.ts';
import type { AcquiredRange, LogBatch } from './share-partition.ts';

export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

export interface ReadBatch extends LogBatch {
  /** Where it lies in the bytes. */
  readonly at: number;
  readonly end: number;
}

/** `aborted`: the transactions that were aborted in this range; empty when everything is to be seen. */
export function batchesOf(bytes: Uint8Array, aborted: readonly AbortedTransaction[]): ReadBatch[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const coming = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  const lost = new Set<number>();
  const marker = new ControlMarker();
  const batches: ReadBatch[] = [];
  let nextComing = 0;
  for (let at = 0; at + BATCH_HEADER_BYTES <= bytes.length; ) {
    const length = batchBytes(view, at);
    if (length < BATCH_HEADER_BYTES || at + length > bytes.length) break;
    const last = batchLastOffset(view, at);
    for (; nextComing < coming.length && coming[nextComing]!.firstOffset <= last; nextComing++) {
      lost.add(coming[nextComing]!.producerId);
    }
    const isControl = batchIsControl(view, at);
    const producerId = batchProducerId(view, at);
    const isHidden = isControl || (batchIsTransactional(view, at) && lost.has(producerId));
    if (isControl) {
      marker.read(view, at, at + length);
      if (marker.kind === MARKER_ABORT) lost.delete(producerId);
    }
    batches.push({ first: batchBaseOffset(view, at), last, isHidden, at, end: at + length });
    at += length;
  }
  return batches;
}

/** The bytes of the batches from the first acquired offset to the last: what lies around them need not travel. */
export function bytesOfAcquired(
  bytes: Uint8Array,
  batches: readonly ReadBatch[],
  ranges: readonly AcquiredRange[],
): Uint8Array {
  const first = ranges[0];
  const last = ranges.at(-1);
  if (first === undefined || last === undefined) return bytes.subarray(0, 0);
  const from = batches.find((batch) => batch.last >= first.firstOffset);
  const to = batches.findLast((batch) => batch.first <= last.lastOffset);
  return bytes.subarray(from?.at ?? 0, to?.end ?? bytes.length);
}
