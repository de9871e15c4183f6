/** A broker that may have 512 MiB, as in a small container: thousands of producers at once, and bombs, do not end it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeFetchFrames, writeProduceFrames } from '../../bench/load/frames.ts';
import { runLoad } from '../../bench/load/generator.ts';
import { CODEC_GZIP, CODEC_ZSTD } from '../../src/protocol/batch.ts';
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { bombOf } from '../fuzz/hostile-batches.ts';
import { requestFrame } from '../net/wire.ts';
import { BoundedBroker, MEBIBYTE, until } from './bounded-broker.ts';
import { Crowd } from './crowd.ts';
import { MemoryCgroup } from './memory-cgroup.ts';

const LIMIT_BYTES = 512 * MEBIBYTE;
const PRODUCERS = 4000;
const PARTITIONS = 16;
const SECONDS = Number(process.env['PERFBROKER_BOUNDS_SECONDS'] ?? 4);
const BOMBS = 8;
const MIXED_PARTITIONS = 64;
const MIXED_CONNECTIONS = 200;
/** What is written fills the group's memory with pages of the cache several times over. */
const MIXED_SECONDS = SECONDS * 4;
const MIXED_WRITES_PER_SECOND = 1200;
const MIXED_READS_PER_SECOND = 200;

const probe = MemoryCgroup.create(LIMIT_BYTES);
probe?.remove();

let cgroup: MemoryCgroup;
let broker: BoundedBroker;

describe.runIf(probe !== null)('in a memory cgroup of 512 MiB', () => {
  beforeEach(async () => {
    const made = MemoryCgroup.create(LIMIT_BYTES);
    if (made === null) throw new Error('a moment ago a cgroup could be made');
    cgroup = made;
    broker = await BoundedBroker.start({ partitions: PARTITIONS, node: cgroup.launcher });
  });

  afterEach(async () => {
    await broker.dispose();
    cgroup.remove();
  });

  it.each([
    [64, 'one record'],
    [100_000, 'a hundred'],
  ])(`${PRODUCERS} producers at once with batches of %i bytes (%s) are all answered`, async (batchBytes) => {
    const folder = mkdtempSync(join(tmpdir(), 'perfbroker-bounds-'));
    try {
      const framesFile = join(folder, 'frames');
      const shape = { topic: broker.topic, partitions: PARTITIONS, batchBytes, recordBytes: 1000, codec: 0, acks: -1 };
      writeProduceFrames(framesFile, { ...shape, recordBytes: Math.min(batchBytes, 1000) });
      const load = runLoad({
        ...{ host: '127.0.0.1', port: broker.port, framesFile, mode: 'produce', connections: PRODUCERS, inFlight: 1 },
        ...{ requestsPerSecond: 0, warmSeconds: 1, seconds: SECONDS, bytesMax: 1_000_000_000 },
      });
      const result = await load.catch((error: unknown) => {
        throw new Error(broker.process.output, { cause: error });
      });
      expect(broker.linesWith('closed 127.0.0.1')).toEqual([]);
      expect(result.errors + result.unanswered).toBe(0);
      expect(result.requests).toBeGreaterThan(PRODUCERS);
      expect(cgroup.killedCount).toBe(0);
      await broker.serveNeighbour(10);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('writing and reading at once, over two hundred connections and 64 partitions, goes on and on', {
    timeout: MIXED_SECONDS * 1000 + 60_000,
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'perfbroker-bounds-'));
    try {
      const topic = 'mixed';
      await broker.admin.createTopic({ name: topic, partitions: MIXED_PARTITIONS, replicationFactor: 1 });
      const [written, read] = [join(folder, 'produce'), join(folder, 'fetch')];
      const shape = { topic, partitions: MIXED_PARTITIONS, batchBytes: 65_536, recordBytes: 1000, codec: 0, acks: -1 };
      writeProduceFrames(written, shape);
      const partitionBytesMax = 65_536;
      writeFetchFrames(read, { topic, partitions: MIXED_PARTITIONS, partitionBytesMax, offsets: [0] });
      const place = { host: '127.0.0.1', port: broker.port, inFlight: 2 } as const;
      const write = { ...place, framesFile: written, mode: 'produce', connections: MIXED_CONNECTIONS / 2 } as const;
      // Every partition has something to read.
      await runLoad({ ...write, requestsPerSecond: 0, warmSeconds: 0, seconds: 1, bytesMax: 50_000_000 });
      const times = { warmSeconds: 1, seconds: MIXED_SECONDS };
      const results = await Promise.all([
        runLoad({ ...write, ...times, requestsPerSecond: MIXED_WRITES_PER_SECOND }),
        runLoad({
          ...{ ...place, ...times, framesFile: read, mode: 'fetch', connections: MIXED_CONNECTIONS / 2 },
          ...{ requestsPerSecond: MIXED_READS_PER_SECOND, topicBytes: topic.length },
        }),
      ]).catch((error: unknown) => {
        throw new Error(broker.process.output, { cause: error });
      });
      for (const { errors, unanswered, requests } of results) {
        expect(errors + unanswered).toBe(0);
        expect(requests).toBeGreaterThan(MIXED_CONNECTIONS);
      }
      expect(broker.linesWith('closed 127.0.0.1')).toEqual([]);
      expect(cgroup.killedCount).toBe(0);
      await broker.serveNeighbour(10);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('bombs are refused', async () => {
    const configs = { 'cleanup.policy': 'compact' };
    await broker.admin.createTopic({ name: 'compact', partitions: 2, replicationFactor: 1, configs });
    const crowd = await Crowd.connect(broker.port, 2);
    const frames = [CODEC_GZIP, CODEC_ZSTD].map((codec, partitionIndex) => {
      const partitions = [{ partitionIndex, records: bombOf(codec, 300 * MEBIBYTE) }];
      return requestFrame(produce, 9, 7, { acks: -1, timeoutMs: 1000, topics: [{ name: 'compact', partitions }] });
    });
    for (let count = 0; count < BOMBS; count++) crowd.send((index) => frames[index] ?? new Uint8Array(0));
    const answerBytes = (): number => Math.min(crowd.receivedBy(0).length, crowd.receivedBy(1).length);
    await until('the first bomb is answered', () => answerBytes() > 0, 30_000);
    const one = 4 + crowd.receivedBy(0).readInt32BE(0);
    await until('all bombs are answered', () => answerBytes() >= one * BOMBS, 60_000);
    crowd.destroy();
    expect(cgroup.killedCount).toBe(0);
    await broker.serveNeighbour(10);
  });
});
