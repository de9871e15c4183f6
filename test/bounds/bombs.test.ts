/**
 * Batches that are small on the wire and enormous unpacked, in every codec, on every way on which a broker unpacks them: the
 * check of a compacted topic, re-compression, a search by time, compaction. They are refused or passed over, memory stays
 * bounded, and a neighbour is served meanwhile.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Consumer } from '../../src/client/consumer.ts';
import { CODEC_GZIP, CODEC_LZ4, CODEC_SNAPPY, CODEC_ZSTD } from '../../src/protocol/batch.ts';
import { decodeResponse } from '../../src/protocol/compile.ts';
import { CODEC_NAMES } from '../../src/protocol/compression.ts';
import { decodeResponseHeader } from '../../src/protocol/header.ts';
import { Reader } from '../../src/protocol/reader.ts';
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { incrementalAlterConfigs } from '../../src/protocol/schemas/44-incremental-alter-configs.ts';
import { bombOf } from '../fuzz/hostile-batches.ts';
import { requestFrame } from '../net/wire.ts';
import { BoundedBroker, MEBIBYTE, until } from './bounded-broker.ts';
import { Crowd } from './crowd.ts';

/** What a batch of at most a megabyte can be unpacked: 21 times with snappy, 255 times with lz4, without end with the others. */
const INFLATED: readonly (readonly [codec: number, bytes: number])[] = [
  [CODEC_GZIP, 300 * MEBIBYTE],
  [CODEC_SNAPPY, 20 * MEBIBYTE],
  [CODEC_LZ4, 200 * MEBIBYTE],
  [CODEC_ZSTD, 300 * MEBIBYTE],
];
const SENDERS = 3;
const BOMBS_PER_SENDER = 4;
const PRODUCE_VERSION = 9;
const ANSWERED_WITHIN_MS = 60_000;
/** What one batch may become (100 MiB) in each of two workers and two threads of the pool, and what the collector has not seen yet. */
const GROWTH_BYTES_MAX = 600 * MEBIBYTE;
const REFUSALS = new Set([2, 87]);

let broker: BoundedBroker;

beforeEach(async () => {
  broker = await BoundedBroker.start({ arguments: ['--workers', '2', '--set', 'log.cleaner.backoff.ms=200'] });
});

afterEach(async () => {
  await broker.dispose();
});

async function growthDuring(work: () => Promise<void>): Promise<number> {
  const before = broker.residentBytes;
  let highest = before;
  const timer = setInterval(() => {
    highest = Math.max(highest, broker.residentBytes);
  }, 10);
  await work().finally(() => clearInterval(timer));
  return highest - before;
}

function bombFrame(topic: string, codec: number, correlationId: number, partition = 0): Uint8Array {
  const bytes = INFLATED.find(([one]) => one === codec)?.[1] ?? 0;
  const partitions = [{ partitionIndex: partition, records: bombOf(codec, bytes) }];
  return requestFrame(produce, PRODUCE_VERSION, correlationId, {
    acks: -1,
    timeoutMs: 1000,
    topics: [{ name: topic, partitions }],
  });
}

function codesIn(bytes: Buffer): number[] {
  const codes: number[] = [];
  for (let at = 0; at + 4 <= bytes.length; at += 4 + bytes.readInt32BE(at)) {
    const reader = Reader.over(bytes.subarray(at + 4, at + 4 + bytes.readInt32BE(at)));
    decodeResponseHeader(produce, PRODUCE_VERSION, 7, reader);
    for (const { partitions } of decodeResponse(produce, PRODUCE_VERSION, reader).topics) {
      codes.push(...partitions.map(({ errorCode }) => errorCode));
    }
  }
  return codes;
}

/** So many bombs from several clients at once; returns the answers. */
async function send(topic: string, codec: number): Promise<number[]> {
  const crowd = await Crowd.connect(broker.port, SENDERS);
  const frame = bombFrame(topic, codec, 7);
  for (let count = 0; count < BOMBS_PER_SENDER; count++) crowd.send(frame);
  const codes = (): number[] => crowd.sockets.flatMap((_, index) => codesIn(crowd.receivedBy(index)));
  await until('all bombs are answered', () => codes().length === SENDERS * BOMBS_PER_SENDER, ANSWERED_WITHIN_MS);
  const answers = codes();
  expect(crowd.closedCount).toBe(0);
  crowd.destroy();
  return answers;
}

describe.each(INFLATED)('codec %i, %i bytes unpacked', (codec) => {
  it('is refused by a compacted topic and where batches are packed anew', async () => {
    const to = codec === CODEC_ZSTD ? 'gzip' : 'zstd';
    await broker.admin.createTopic({
      name: 'compact',
      partitions: 1,
      replicationFactor: 1,
      configs: { 'cleanup.policy': 'compact' },
    });
    await broker.admin.createTopic({
      name: 'packed',
      partitions: 1,
      replicationFactor: 1,
      configs: { 'compression.type': to },
    });
    let slowestMs = 0;
    const grown = await growthDuring(async () => {
      const neighbour = broker.serveNeighbour(100);
      const answers = [...(await send('compact', codec)), ...(await send('packed', codec))];
      for (const code of answers) expect(REFUSALS).toContain(code);
      slowestMs = (await neighbour).slowestMs;
    });
    process.stdout.write(
      `bombs of ${CODEC_NAMES[codec]}: ${Math.round(grown / MEBIBYTE)} MiB more, neighbour at most ${Math.round(slowestMs)} ms\n`,
    );
    expect(grown).toBeLessThan(GROWTH_BYTES_MAX);
  });

  it('is passed over by a search by time and by compaction, where a log holds it', async () => {
    const name = 'plain';
    await broker.admin.createTopic({
      name,
      partitions: 1,
      replicationFactor: 1,
      configs: { 'segment.bytes': '1048576' },
    });
    const grown = await growthDuring(async () => {
      await send(name, codec);
      // Nobody unpacks them yet; whoever asks by time does, and whoever compacts.
      await new Consumer(broker.cluster).findOffset(name, 0, 1).catch(() => -1);
      const resources = [
        {
          resourceType: 2,
          resourceName: name,
          configs: [
            { name: 'cleanup.policy', configOperation: 0, value: 'compact' },
            { name: 'min.cleanable.dirty.ratio', configOperation: 0, value: '0.001' },
          ],
        },
      ];
      const connection = await broker.cluster.anyConnection();
      const answer = await connection.request(incrementalAlterConfigs, { resources, validateOnly: false });
      expect(answer.responses[0]?.errorCode).toBe(0);
      const { slowestMs } = await broker.serveNeighbour(500);
      expect(slowestMs).toBeLessThan(10_000);
    });
    expect(grown).toBeLessThan(GROWTH_BYTES_MAX);
  });
});
