/**
 * kafkajs against the built broker: every codec, keys, headers and timestamps. Its consumer needs a group, so what was
 * written is read with the library's own broker connection and decoder, by explicit partitions.
 */
import { createRequire } from 'node:module';
import { CompressionCodecs, CompressionTypes, Kafka, logLevel } from 'kafkajs';
import { expect, it } from 'vitest';
import { codecByName, compress, decompress } from '../../src/protocol/compression.ts';
import { type CodecName, codecNames, expectedRecord, Ledger, type Outcome } from './expected-records.ts';
import { describeForeign, PARTITIONS, recordsPerCodec, wholeOutcome } from './foreign-client.ts';
import { makeTopic } from './server-under-test.ts';

/** What of kafkajs' inner broker class is used; its public types do not show it. */
interface FetchedMessage {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer>>;
}
interface InnerBroker {
  fetch(wanted: {
    readonly isolationLevel: number;
    readonly maxWaitTime: number;
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly {
        readonly partition: number;
        readonly fetchOffset: string;
        readonly maxBytes: number;
      }[];
    }[];
  }): Promise<{
    readonly responses: readonly {
      readonly partitions: readonly { readonly partition: number; readonly messages: readonly FetchedMessage[] }[];
    }[];
  }>;
}
interface InnerCluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly { readonly leader: number }[];
  findBroker(wanted: { readonly nodeId: number }): Promise<InnerBroker>;
}

const require = createRequire(import.meta.url);
const ClusterClass: new (options: object) => InnerCluster = require('kafkajs/src/cluster');
const { createLogger }: { createLogger: (options: object) => object } = require('kafkajs/src/loggers');
const consoleLogger: object = require('kafkajs/src/loggers/console');
const socketFactory: () => object = require('kafkajs/src/network/socketFactory');

const INFLATED_BYTES_MAX = 1 << 28;
const RECORDS_PER_SEND = 1000;
const TIMEOUT_MS = 120_000;
const CONNECT_MS = 10_000;

function registerCodec(type: number, name: CodecName): void {
  const codec = codecByName(name);
  const make = () => ({
    compress: async (encoder: { readonly buffer: Buffer }) => Buffer.from(compress(codec, encoder.buffer)),
    decompress: async (buffer: Buffer) => {
      const inflated = decompress(codec, buffer, INFLATED_BYTES_MAX);
      if (inflated === null) throw new Error(`${name} did not decompress`);
      return Buffer.from(inflated);
    },
  });
  Object.assign(CompressionCodecs, { [type]: make });
}

const compressionTypes: Readonly<Record<CodecName, CompressionTypes>> = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
};

async function produce(broker: string, topic: string, codec: CodecName, count: number): Promise<void> {
  const kafka = new Kafka({
    clientId: 'kafkajs',
    brokers: [broker],
    connectionTimeout: CONNECT_MS,
    logLevel: logLevel.ERROR,
  });
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  for (let from = 0; from < count; from += RECORDS_PER_SEND) {
    const messages = Array.from({ length: Math.min(RECORDS_PER_SEND, count - from) }, (_, at) => {
      const { key, value, timestamp } = expectedRecord(from + at);
      const headers = { index: String(from + at), empty: Buffer.alloc(0) };
      return { key, value, headers, partition: (from + at) % PARTITIONS, timestamp: String(timestamp) };
    });
    await producer.send({ topic, messages, acks: -1, compression: compressionTypes[codec] });
  }
  await producer.disconnect();
}

function isSame(message: FetchedMessage, i: number): boolean {
  const expected = expectedRecord(i);
  return (
    message.value !== null &&
    expected.value.equals(message.value) &&
    message.timestamp === String(expected.timestamp) &&
    Object.keys(message.headers).join() === 'index,empty' &&
    message.headers['index']?.toString() === String(i) &&
    message.headers['empty']?.length === 0
  );
}

async function consume(address: string, topic: string, count: number): Promise<Outcome> {
  const logger = createLogger({ level: logLevel.ERROR, logCreator: consoleLogger });
  const cluster = new ClusterClass({
    logger,
    socketFactory: socketFactory(),
    brokers: [address],
    clientId: 'kafkajs',
    connectionTimeout: CONNECT_MS,
  });
  await cluster.connect();
  await cluster.addTargetTopic(topic);
  const leaders = cluster.findTopicPartitionMetadata(topic);
  const broker = await cluster.findBroker({ nodeId: leaders[0]?.leader ?? 0 });
  const ledger = new Ledger(count);
  const next = Array.from({ length: PARTITIONS }, () => 0);
  const deadlineMs = Date.now() + TIMEOUT_MS / 2;
  while (ledger.read < count && Date.now() < deadlineMs) {
    const partitions = next.map((offset, partition) => ({ partition, fetchOffset: String(offset), maxBytes: 1 << 20 }));
    const { responses } = await broker.fetch({ isolationLevel: 0, maxWaitTime: 500, topics: [{ topic, partitions }] });
    for (const { partition, messages } of responses.flatMap((response) => response.partitions)) {
      for (const message of messages) {
        const offset = Number(message.offset);
        if (offset < (next[partition] ?? 0)) continue;
        next[partition] = offset + 1;
        ledger.take(message.key?.toString() ?? '', (i) => isSame(message, i));
      }
    }
  }
  await cluster.disconnect();
  return ledger.outcome();
}

describeForeign('kafkajs', [], (server) => {
  registerCodec(CompressionTypes.Snappy, 'snappy');
  registerCodec(CompressionTypes.LZ4, 'lz4');
  registerCodec(CompressionTypes.ZSTD, 'zstd');

  for (const codec of codecNames) {
    it(
      `gets back what it wrote with ${codec}`,
      async () => {
        const topic = `kafkajs-${codec}`;
        await makeTopic(server(), topic, PARTITIONS);
        await produce(server().address, topic, codec, recordsPerCodec);
        expect(await consume(server().address, topic, recordsPerCodec)).toEqual(wholeOutcome(recordsPerCodec));
      },
      TIMEOUT_MS,
    );
  }
});
