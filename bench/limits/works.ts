/** What broker and limit program are given to do, and the bars that the project holds the broker to. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Producer } from '../../src/client/producer.ts';
import type { BenchServer } from '../load/bench-server.ts';
import { type ProduceFrames, readBatchOf, writeProduceFrames } from '../load/frames.ts';
import type { FetchWork, ProduceWork } from './contest.ts';

const KIB = 1024;
const FETCH_PARTITIONS = 4;

export const produceWorks: readonly ProduceWork[] = [
  {
    kind: 'produce',
    name: 'produce 64 KiB',
    batchBytes: 64 * KIB,
    recordBytes: KIB,
    connections: 4,
    inFlight: 5,
    bar: { figure: 'cpu', limit: 1.8 },
  },
  {
    kind: 'produce',
    name: 'produce 1 MiB',
    batchBytes: KIB * KIB - 4 * KIB,
    recordBytes: KIB,
    connections: 4,
    inFlight: 5,
    bar: { figure: 'cpu', limit: 2.0 },
  },
  {
    kind: 'produce',
    name: 'one record a request',
    batchBytes: KIB,
    recordBytes: KIB,
    connections: 16,
    inFlight: 5,
    bar: { figure: 'rate', limit: 0.55 },
  },
];

/** Fills a topic with 64 KiB batches and a plain file with the same bytes, and plans requests that walk over both. */
export async function prepareFetch(server: BenchServer, folder: string, partitionBytes: number): Promise<FetchWork> {
  const topic = await server.makeTopic('limits-fetch', FETCH_PARTITIONS);
  const plan = { topic, partitions: 1, batchBytes: 64 * KIB, recordBytes: KIB, codec: 0, acks: -1 };
  const frames: ProduceFrames = writeProduceFrames(join(folder, 'fill-frames'), plan);
  const bytes = readBatchOf(frames);
  const batchesPerAnswer = Math.floor((KIB * KIB) / bytes.length);
  const answers = Math.floor(partitionBytes / (batchesPerAnswer * bytes.length));
  const producer = new Producer(server.cluster);
  for (let batch = 0; batch < answers * batchesPerAnswer; batch++) {
    const sending = Array.from({ length: FETCH_PARTITIONS }, (_, partition) =>
      producer.sendBatch({ topic, partition, bytes, count: frames.recordsPerBatch }),
    );
    await Promise.all(sending);
  }
  const sourceFile = join(folder, 'source.log');
  const answerBytes = FETCH_PARTITIONS * batchesPerAnswer * bytes.length;
  writeFileSync(sourceFile, Buffer.alloc(answers * answerBytes, bytes));
  const offsets = Array.from({ length: answers }, (_, index) => index * batchesPerAnswer * frames.recordsPerBatch);
  return {
    kind: 'fetch',
    name: 'fetch warm',
    connections: 4,
    inFlight: 2,
    plan: { topic, partitions: FETCH_PARTITIONS, partitionBytesMax: KIB * KIB, offsets },
    sourceFile,
    answerBytes,
    bar: { figure: 'cpu', limit: 1.7 },
  };
}
