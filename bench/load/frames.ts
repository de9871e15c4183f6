/**
 * Ready-made request frames for the load generator: Produce with real record batches, and Fetch without a session. They are
 * encoded once, before the clock runs. The limit programs are sent the same frames.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { crc32c } from '../../src/client/checksum.ts';
import type { Api } from '../../src/protocol/api.ts';
import { BatchBuilder } from '../../src/protocol/batch-builder.ts';
import { encodeRequest } from '../../src/protocol/compile.ts';
import { encodeRequestHeader } from '../../src/protocol/header.ts';
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { fetch } from '../../src/protocol/schemas/01-fetch.ts';
import { Writer } from '../../src/protocol/writer.ts';

export const PRODUCE_VERSION = 9;
export const FETCH_VERSION = 11;
const FRAME_BYTES_MAX = 64 * 1024 * 1024;
const REQUEST_TIMEOUT_MS = 30_000;
const POLL_BYTES_MAX = 128 * 1024;
/** An offset no frame holds by chance. */
const OFFSET_MARK = 0x1_2345_6789_abcd;
const PARTITION_MARK = 0x5a17_c3e9;
const CLIENT_ID = 'perfbroker-load';

export interface ProducePlan {
  readonly topic: string;
  readonly partitions: number;
  readonly batchBytes: number;
  readonly recordBytes: number;
  readonly codec: number;
  readonly acks: number;
}

export interface ProduceFrames {
  readonly file: string;
  readonly batchBytes: number;
  readonly recordsPerBatch: number;
  readonly frameBytes: number;
  /** Bytes in front of and behind the batch in every frame: what the sink is told. */
  readonly headBytes: number;
  readonly tailBytes: number;
}

/** Looks like the JSON events people send, so that codecs compress it as they would theirs. */
function recordValue(index: number, bytes: number): Uint8Array {
  let text = '';
  for (let part = 0; text.length < bytes; part++) {
    const mixed = Math.imul(index * 31 + part, 0x9e3779b1) >>> 0;
    text += `{"id":"${mixed.toString(16).padStart(8, '0')}","user":${mixed % 100_000},"event":"page-view","ms":${mixed % 977}}`;
  }
  return Buffer.from(text.slice(0, bytes), 'latin1');
}

function buildBatch(plan: ProducePlan): { batch: Uint8Array; count: number } {
  const builder = new BatchBuilder(crc32c, { codec: plan.codec });
  const timestamp = Date.now();
  let count = 0;
  while (count === 0 || builder.sizeBytes + plan.recordBytes <= plan.batchBytes) {
    builder.add({ key: null, value: recordValue(count, plan.recordBytes), timestamp });
    count++;
  }
  return { batch: builder.build(), count };
}

/** One frame for each partition, all with the same batch. */
export function writeProduceFrames(file: string, plan: ProducePlan): ProduceFrames {
  const { batch, count } = buildBatch(plan);
  const frames: Uint8Array[] = [];
  for (let partition = 0; partition < plan.partitions; partition++) {
    frames.push(
      frameOf(produce, PRODUCE_VERSION, partition, {
        transactionalId: null,
        acks: plan.acks,
        timeoutMs: REQUEST_TIMEOUT_MS,
        topics: [{ name: plan.topic, partitions: [{ partitionIndex: partition, records: batch }] }],
      }),
    );
  }
  const frame = Buffer.from(frames[0] ?? new Uint8Array(0));
  const headBytes = frame.indexOf(batch);
  writeFileSync(file, Buffer.concat(frames));
  const tailBytes = frame.length - headBytes - batch.length;
  return { file, batchBytes: batch.length, recordsPerBatch: count, frameBytes: frame.length, headBytes, tailBytes };
}

/** One frame that the generator makes stand for all partitions; returns where in it the partition's index lies. */
export function writeSpreadFrame(file: string, plan: Omit<ProducePlan, 'partitions'>): number {
  const { batch } = buildBatch({ ...plan, partitions: 1 });
  const frame = frameOf(produce, PRODUCE_VERSION, 0, {
    transactionalId: null,
    acks: plan.acks,
    timeoutMs: REQUEST_TIMEOUT_MS,
    topics: [{ name: plan.topic, partitions: [{ partitionIndex: PARTITION_MARK, records: batch }] }],
  });
  const mark = Buffer.alloc(4);
  mark.writeInt32BE(PARTITION_MARK);
  writeFileSync(file, frame);
  return Buffer.from(frame).indexOf(mark);
}

/** Frames of one partition, each with a batch of its own, every record of all of them under another key. */
export function writeKeyedFrames(
  file: string,
  topic: string,
  batchBytes: number,
  recordBytes: number,
  count: number,
): ProduceFrames {
  const frames: Uint8Array[] = [];
  let key = 0;
  let records = 0;
  for (let index = 0; index < count; index++) {
    const builder = new BatchBuilder(crc32c, {});
    for (records = 0; records === 0 || builder.sizeBytes + recordBytes <= batchBytes; records++) {
      const value = recordValue(key, recordBytes);
      builder.add({ key: Buffer.from(`key-${key}`), value, timestamp: Date.now() });
      key++;
    }
    const batch = builder.build();
    frames.push(
      frameOf(produce, PRODUCE_VERSION, index, {
        transactionalId: null,
        acks: -1,
        timeoutMs: REQUEST_TIMEOUT_MS,
        topics: [{ name: topic, partitions: [{ partitionIndex: 0, records: batch }] }],
      }),
    );
  }
  writeFileSync(file, Buffer.concat(frames));
  const frameBytes = frames[0]?.length ?? 0;
  return { file, batchBytes, recordsPerBatch: records, frameBytes, headBytes: 0, tailBytes: 0 };
}

/** The batch inside the first frame of a file that was written. */
export function readBatchOf(frames: ProduceFrames): Uint8Array {
  return readFileSync(frames.file).subarray(frames.headBytes, frames.headBytes + frames.batchBytes);
}

export interface FetchPlan {
  readonly topic: string;
  readonly partitions: number;
  readonly partitionBytesMax: number;
  /** Where the requests start to read: each of these offsets in every partition gives one request. */
  readonly offsets: readonly number[];
}

export function writeFetchFrames(file: string, plan: FetchPlan): void {
  const partitions = Array.from({ length: plan.partitions }, (_, partition) => partition);
  const frames = plan.offsets.map((fetchOffset, index) =>
    frameOf(fetch, FETCH_VERSION, index, {
      replicaId: -1,
      maxWaitMs: 500,
      minBytes: 1,
      maxBytes: plan.partitionBytesMax * plan.partitions,
      isolationLevel: 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [
        {
          name: plan.topic,
          partitions: partitions.map((partition) => ({
            partitionIndex: partition,
            currentLeaderEpoch: -1,
            fetchOffset,
            logStartOffset: -1,
            partitionMaxBytes: plan.partitionBytesMax,
          })),
        },
      ],
      rackId: '',
    }),
  );
  writeFileSync(file, Buffer.concat(frames));
}

/** One long-polling Fetch of one partition; returns where in the frame its offset lies, so that it can be moved on. */
export function writePollFrame(file: string, topic: string): number {
  writeFetchFrames(file, { topic, partitions: 1, partitionBytesMax: POLL_BYTES_MAX, offsets: [OFFSET_MARK] });
  const mark = Buffer.alloc(8);
  mark.writeBigInt64BE(BigInt(OFFSET_MARK));
  return readFileSync(file).indexOf(mark);
}

function frameOf<I>(api: Api<unknown, I>, version: number, correlationId: number, body: I): Uint8Array {
  const writer = new Writer(FRAME_BYTES_MAX);
  const lengthAt = writer.beginLength();
  encodeRequestHeader(api, version, correlationId, CLIENT_ID, writer);
  encodeRequest(api, version, body, writer);
  writer.endLength(lengthAt);
  return new Uint8Array(writer.written());
}
