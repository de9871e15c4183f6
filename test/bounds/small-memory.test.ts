/** A broker that may have 512 MiB, as in a small container: thousands of producers at once, and bombs, do not end it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeProduceFrames } from '../../bench/load/frames.ts';
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
