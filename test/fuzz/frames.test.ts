/**
 * Mutated requests through a whole front: whatever arrives, it answers, waits or closes; it never breaks, its memory
 * stays flat, and a well-behaved client beside it is served. FUZZ_FRAMES and FUZZ_SEED choose how long and from where.
 */
import { expect, test } from 'vitest';
import { createDataTable } from '../../src/apis/data-table.ts';
import type { DataApi } from '../../src/net/data-api.ts';
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { fetch } from '../../src/protocol/schemas/01-fetch.ts';
import { listOffsets } from '../../src/protocol/schemas/02-list-offsets.ts';
import { offsetForLeaderEpoch } from '../../src/protocol/schemas/23-offset-for-leader-epoch.ts';
import { FrontRig } from '../net/front-rig.ts';
import { anyBatch, correlationOf, framesOf, requestFrame } from '../net/wire.ts';
import { Prng } from '../support/prng.ts';

const FRAMES = Number(process.env['FUZZ_FRAMES'] ?? 50_000);
const SEED = Number(process.env['FUZZ_SEED'] ?? 20_261_121);
const TIME_MS_MAX = Number(process.env['FUZZ_TIME_MS'] ?? 60_000);
const FRAMES_PER_CLIENT = 3;
const PER_ROUND = 40;

/** Good requests of all data APIs and versions, to be spoilt. */
function seeds(id: string): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let version = 3; version <= 13; version++) {
    const topic = version >= 13 ? { topicId: id } : { name: 'news' };
    const partitions = [0, 1].map((partitionIndex) => ({ partitionIndex, records: anyBatch(80, version) }));
    frames.push(
      requestFrame(produce, version, version, { acks: version % 2, timeoutMs: 1, topics: [{ ...topic, partitions }] }),
    );
  }
  for (let version = 4; version <= 18; version++) {
    const topic = version >= 13 ? { topicId: id } : { name: 'news' };
    const partitions = [0, 1].map((partitionIndex) => ({ partitionIndex, fetchOffset: 0, partitionMaxBytes: 500 }));
    const session = { sessionId: 0, sessionEpoch: version % 2 === 0 ? 0 : -1 };
    frames.push(
      requestFrame(fetch, version, version, {
        ...session,
        maxWaitMs: 5,
        minBytes: version % 3,
        topics: [{ ...topic, partitions }],
      }),
    );
  }
  for (let version = 1; version <= 11; version++) {
    const partitions = [{ partitionIndex: 0, timestamp: -1 }];
    frames.push(requestFrame(listOffsets, version, version, { topics: [{ name: 'news', partitions }] }));
  }
  for (let version = 2; version <= 4; version++) {
    const partitions = [{ partitionIndex: 0, leaderEpoch: 0 }];
    frames.push(requestFrame(offsetForLeaderEpoch, version, version, { topics: [{ name: 'news', partitions }] }));
  }
  return frames;
}

const INTERESTING = [0, 1, 0x7f, 0x80, 0xff];

function mutate(random: Prng, frame: Uint8Array): Uint8Array {
  let bytes = frame.slice();
  const changes = 1 + random.nextInt(4);
  for (let change = 0; change < changes; change++) {
    const at = 4 + random.nextInt(bytes.length - 4);
    const kind = random.nextInt(6);
    if (kind <= 1) bytes[at] = random.nextInt(256);
    else if (kind === 2) bytes[at] = INTERESTING[random.nextInt(INTERESTING.length)]!;
    else if (kind === 3) bytes = bytes.slice(0, Math.max(14, at));
    else if (kind === 4) bytes.fill(random.nextInt(2) * 0xff, at, Math.min(bytes.length, at + 4));
    else bytes = Uint8Array.from([...bytes.slice(0, at), ...bytes.slice(Math.max(4, at - random.nextInt(16)))]);
  }
  // Most keep an honest length: what is behind the frame is what should be reached.
  if (random.nextInt(20) !== 0) new DataView(bytes.buffer).setInt32(0, bytes.length - 4);
  return bytes;
}

test(`${FRAMES} mutated frames (seed ${SEED}) break nothing`, { timeout: TIME_MS_MAX * 2 }, () => {
  const random = new Prng(SEED);
  const rig = new FrontRig({
    seed: SEED,
    slabBytes: 1 << 22,
    outboxBytes: 1 << 20,
    laneSlots: 16,
    limits: { fetchSessionsMax: 50, idleMs: 2000, receiveIdleMs: 200, memoryWaitMs: 200 },
    apis: () => [...createDataTable()] as (DataApi | undefined)[],
    onRequest: async () => null,
  });
  const topic = rig.addTopic('news', 2);
  const good = seeds(Buffer.from(topic.id).toString('base64url'));
  const witness = rig.connect();
  const startedMs = performance.now();
  let sent = 0;
  for (let round = 0; sent < FRAMES && performance.now() - startedMs < TIME_MS_MAX; round++) {
    const clients = Array.from({ length: PER_ROUND }, () =>
      rig.transport.connect({ receiveBytesMax: 1 + random.nextInt(400) }),
    );
    for (const client of clients) {
      for (let count = 0; count < FRAMES_PER_CLIENT; count++)
        client.write(mutate(random, good[random.nextInt(good.length)]!));
      sent += FRAMES_PER_CLIENT;
    }
    witness.write(
      requestFrame(listOffsets, 5, round, {
        topics: [{ name: 'news', partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
      }),
    );
    for (let turn = 0; turn < 25; turn++) rig.step(1);
    for (const client of clients) {
      if (random.nextInt(2) === 0) client.reset();
      else client.end();
    }
    if (round % 50 === 0) {
      rig.settle();
      expect(framesOf(witness.take()).map(correlationOf).at(-1)).toBe(round);
      expect(witness.isClosedByBroker).toBe(false);
    }
  }
  process.stdout.write(`fuzz of a front: ${sent} frames\n`);
  expect(sent).toBeGreaterThan(FRAMES / 100);
  // The fuzzer is worth something only while many frames get past the header.
  const appended = rig.workers.reduce((sum, worker) => sum + worker.appendCount, 0);
  const read = rig.workers.reduce((sum, worker) => sum + worker.readCount, 0);
  expect(appended).toBeGreaterThan(sent / 50);
  expect(read).toBeGreaterThan(sent / 50);
  witness.end();
  rig.pass(3000, 100);
  rig.expectNothingHeld();
});
