/**
 * Mixed load for tests that look at data folders: every codec, plain and idempotent batches of many sizes, over several
 * partitions with small segments; and reading everything back in a form that two brokers' folders can be compared by.
 */
import { Admin } from '../../src/client/admin.ts';
import { Consumer } from '../../src/client/consumer.ts';
import { ClusterView } from '../../src/client/metadata.ts';
import { Producer } from '../../src/client/producer.ts';
import { codecByName } from '../../src/protocol/compression.ts';
import { codecNames, expectedRecord } from './expected-records.ts';

export const MIXED_PARTITIONS = 3;
const SEGMENT_BYTES = 1_048_576;
const BATCHES_PER_PARTITION = 200;
const RECORDS_PER_BATCH_MAX = 700;

/** How many records each partition got. */
export async function writeMixedLoad(port: number, topic: string): Promise<number[]> {
  const cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port }] });
  const configs = { 'segment.bytes': String(SEGMENT_BYTES) };
  await new Admin(cluster).createTopic({ name: topic, partitions: MIXED_PARTITIONS, replicationFactor: 1, configs });
  const plain = new Producer(cluster);
  const idempotent = new Producer(cluster, { isIdempotent: true });
  const written = Array.from({ length: MIXED_PARTITIONS }, () => 0);
  for (let batch = 0; batch < BATCHES_PER_PARTITION; batch++) {
    const codec = codecByName(codecNames[batch % codecNames.length] ?? 'none');
    const producer = batch % 3 === 0 ? idempotent : plain;
    const count = 1 + ((batch * 131) % RECORDS_PER_BATCH_MAX);
    for (let partition = 0; partition < MIXED_PARTITIONS; partition++) {
      const from = written[partition] ?? 0;
      const records = Array.from({ length: count }, (_, at) => expectedRecord(from + at));
      await producer.sendBatch(await producer.prepare(topic, partition, records, codec));
      written[partition] = from + count;
    }
  }
  await cluster.close();
  return written;
}

/** Every record of a topic as text: offset, timestamp, key, value, headers. */
export async function readWhole(port: number, topic: string): Promise<string[][]> {
  const cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port }] });
  const consumer = new Consumer(cluster, { maxWaitMs: 0 });
  const partitions: string[][] = [];
  for (let partition = 0; partition < MIXED_PARTITIONS; partition++) {
    const lines: string[] = [];
    for await (const record of consumer.read(topic, partition, 0, Number.MAX_SAFE_INTEGER)) {
      const headers = record.headers.map(({ key, value }) => `${key}=${Buffer.from(value ?? []).toString()}`).join(',');
      const [key, value] = [record.key, record.value].map((bytes) => Buffer.from(bytes ?? []).toString());
      lines.push(`${record.offset} ${record.timestamp} ${key} ${value} ${headers}`);
    }
    partitions.push(lines);
  }
  await cluster.close();
  return partitions;
}
