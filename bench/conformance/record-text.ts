/**
 * Record batches as data that can be compared: every header field that a client can see, and the records behind it
 * uncompressed. Left out is what a right broker may choose: checksum and compressed length follow from the rest, and times
 * that a broker stamps are its own.
 */
import { createHash } from 'node:crypto';
import {
  ATTRIBUTE_CODEC_MASK,
  BATCH_BASE_SEQUENCE,
  BATCH_HEADER_BYTES,
  BATCH_PRODUCER_EPOCH,
  batchAttributes,
  batchBaseOffset,
  batchBaseTimestamp,
  batchBytes,
  batchCount,
  batchIsControl,
  batchIsLogAppendTime,
  batchLastOffsetDelta,
  batchLeaderEpoch,
  batchMagic,
  batchMaxTimestamp,
  batchProducerId,
} from '../../src/protocol/batch.ts';
import { decompress } from '../../src/protocol/compression.ts';
import type { Naming } from './normal-form.ts';

const INFLATED_BYTES_MAX = 64 * 1024 * 1024;
const SHOWN_BYTES_MAX = 48;
/** type and value of a marker, without the coordinator's epoch */
const MARKER_SHOWN_BYTES = 61;

export function describeRecords(bytes: Uint8Array, labels: Naming): unknown[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const batches: unknown[] = [];
  for (let at = 0; at < bytes.length; ) {
    const left = bytes.length - at;
    if (left < BATCH_HEADER_BYTES || batchBytes(view, at) > left || batchBytes(view, at) < BATCH_HEADER_BYTES) {
      batches.push({ incompleteBytes: left });
      break;
    }
    batches.push(describeBatch(bytes, view, at, labels));
    at += batchBytes(view, at);
  }
  return batches;
}

function describeBatch(bytes: Uint8Array, view: DataView, at: number, labels: Naming): unknown {
  const attributes = batchAttributes(view, at);
  const isControl = batchIsControl(view, at);
  const isStamped = batchIsLogAppendTime(view, at);
  const stored = bytes.subarray(at + BATCH_HEADER_BYTES, at + batchBytes(view, at));
  const codec = attributes & ATTRIBUTE_CODEC_MASK;
  const payload = codec === 0 ? stored : decompress(codec, stored, INFLATED_BYTES_MAX);
  return {
    baseOffset: batchBaseOffset(view, at),
    leaderEpoch: batchLeaderEpoch(view, at),
    magic: batchMagic(view, at),
    attributes,
    lastOffsetDelta: batchLastOffsetDelta(view, at),
    baseTimestamp: isControl ? '*' : batchBaseTimestamp(view, at),
    maxTimestamp: isControl || isStamped ? '*' : batchMaxTimestamp(view, at),
    producerId: labels.label('producer', batchProducerId(view, at)),
    producerEpoch: view.getInt16(at + BATCH_PRODUCER_EPOCH),
    baseSequence: view.getInt32(at + BATCH_BASE_SEQUENCE),
    count: batchCount(view, at),
    payload:
      payload === null
        ? 'undecodable'
        : isControl
          ? `${Math.min(payload.length, MARKER_SHOWN_BYTES)} bytes`
          : shown(payload),
  };
}

function shown(payload: Uint8Array): string {
  if (payload.length <= SHOWN_BYTES_MAX) return Buffer.from(payload).toString('hex');
  return `${payload.length} bytes, sha ${createHash('sha256').update(payload).digest('hex').slice(0, 16)}`;
}
