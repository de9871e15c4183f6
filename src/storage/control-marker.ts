/**
 * The one record of a control batch that ends a transaction: a key (version, kind) and a value (version, epoch of the
 * coordinator that decided). Control batches are never compressed. Read on append and when producer states are rebuilt.
 */
import { BATCH_RECORDS } from '../protocol/batch.ts';

export const MARKER_ABORT = 0;
export const MARKER_COMMIT = 1;
/** Kinds that are no end of a transaction (a new Raft leader, …), and records that cannot be read. */
export const MARKER_OTHER = -1;

const VARINT_BYTES_MAX = 10;

/** Reused by its owner. */
export class ControlMarker {
  kind = MARKER_OTHER;
  coordinatorEpoch = -1;
  private next = 0;

  /** `end` is where the batch ends in the view. */
  read(view: DataView, batchAt: number, end: number): void {
    this.kind = MARKER_OTHER;
    this.coordinatorEpoch = -1;
    let at = this.skipVarint(view, batchAt + BATCH_RECORDS, end) + 1;
    at = this.skipVarint(view, at, end);
    at = this.skipVarint(view, at, end);
    const keyLength = this.varint(view, at, end);
    const keyAt = this.next;
    if (keyLength < 4 || keyAt + keyLength > end) return;
    const kind = view.getInt16(keyAt + 2);
    if (kind !== MARKER_ABORT && kind !== MARKER_COMMIT) return;
    const valueLength = this.varint(view, keyAt + keyLength, end);
    const valueAt = this.next;
    if (valueLength < 6 || valueAt + valueLength > end) return;
    this.kind = kind;
    this.coordinatorEpoch = view.getInt32(valueAt + 2);
  }

  private skipVarint(view: DataView, from: number, end: number): number {
    this.varint(view, from, end);
    return this.next;
  }

  /** Lengths of a marker are one or two bytes; deltas may be longer and are only stepped over. */
  private varint(view: DataView, from: number, end: number): number {
    let value = 0;
    let at = from;
    for (let index = 0; index < VARINT_BYTES_MAX && at < end; index++) {
      const byte = view.getUint8(at);
      at += 1;
      if (index < 4) value |= (byte & 0x7f) << (7 * index);
      if (byte < 0x80) break;
    }
    this.next = at;
    return (value >>> 1) ^ -(value & 1);
  }
}
