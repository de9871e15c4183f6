/**
 * What is fetched: a topic filled with 64 KiB batches, and a plain file of the same size for the limit program. Requests walk
 * over the whole of it, so that both sides read as much memory.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Producer } from '../../src/client/producer.ts';
import type { BenchServer } from '../load/bench-server.ts';
import { readBatchOf, writeFetchFrames, writeProduceFrames } from '../load/frames.ts';

const KIB = 1024;
const TOPIC_BYTES = 256 * KIB * KIB;
const ANSWER_PARTITION_BYTES = KIB * KIB;

export interface FetchShape {
  /** Each request asks for all of them. */
  readonly partitions: number;
  readonly batch: Uint8Array;
  readonly recordsPerBatch: number;
  readonly batchesPerAnswer: number;
  readonly answers: number;
  readonly answerBytes: number;
}

export function fetchShape(folder: string, partitions: number): FetchShape {
  const plan = { topic: 'fill', partitions: 1, batchBytes: 64 * KIB, recordBytes: KIB, codec: 0, acks: -1 };
  const frames = writeProduceFrames(join(folder, 'fill-frames'), plan);
  const batch = readBatchOf(frames);
  const batchesPerAnswer = Math.floor(ANSWER_PARTITION_BYTES / batch.length);
  const answers = Math.floor(TOPIC_BYTES / partitions / (batchesPerAnswer * batch.length));
  const answerBytes = partitions * batchesPerAnswer * batch.length;
  return { partitions, batch, recordsPerBatch: frames.recordsPerBatch, batchesPerAnswer, answers, answerBytes };
}

/** Returns the topic; `framesFile` then holds one request for each answer. */
export async function fillTopic(server: BenchServer, shape: FetchShape, framesFile: string): Promise<string> {
  const topic = await server.makeTopic('compare-fetch', shape.partitions);
  const producer = new Producer(server.cluster);
  for (let batch = 0; batch < shape.answers * shape.batchesPerAnswer; batch++) {
    const sending = Array.from({ length: shape.partitions }, (_, partition) =>
      producer.sendBatch({ topic, partition, bytes: shape.batch, count: shape.recordsPerBatch }),
    );
    await Promise.all(sending);
  }
  const step = shape.batchesPerAnswer * shape.recordsPerBatch;
  const offsets = Array.from({ length: shape.answers }, (_, index) => index * step);
  const { partitions } = shape;
  writeFetchFrames(framesFile, { topic, partitions, partitionBytesMax: ANSWER_PARTITION_BYTES, offsets });
  return topic;
}

export function fillFile(file: string, shape: FetchShape): void {
  writeFileSync(file, Buffer.alloc(shape.answers * shape.answerBytes, shape.batch));
}
