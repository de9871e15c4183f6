/** The log of a coordinator over real partition logs: what was appended is replayed, writes gather, failures are told. */
import { afterEach, describe, expect, it } from 'vitest';
import { must } from '../../src/base/assert.ts';
import { isFault } from '../../src/base/fault.ts';
import { CoordinatorLog, type LogProducer, type StoredEntry } from '../../src/cluster/coordinator-log.ts';
import type { Crc32c } from '../../src/protocol/batch.ts';
import type { PortAppended } from '../../src/workers/partition-port.ts';
import { crc32cInTypeScript } from '../../src/zerocopy/fallback.ts';
import { BrokerInOneThread } from '../support/broker-in-one-thread.ts';
import { SimulatedWorld } from '../support/simulated-world.ts';

const running: BrokerInOneThread[] = [];
const crc32c: Crc32c = (memory, at, length) => crc32cInTypeScript({ ...memory, address: 0 }, at, length);

afterEach(async () => {
  for (const broker of running.splice(0)) await broker.stop();
});

async function start(): Promise<BrokerInOneThread> {
  const broker = await BrokerInOneThread.start(new SimulatedWorld(7));
  running.push(broker);
  const { controller } = broker.plane.services;
  await broker.driven(controller.createTopics(() => [{ name: 'state', partitionCount: 1, configs: {} }]));
  return broker;
}

function logOf(broker: BrokerInOneThread): CoordinatorLog {
  const place = must(broker.plane.services.controller.placeOf('state', 0), 'the partition is placed');
  const nowMs = () => broker.nowMs;
  return new CoordinatorLog({ port: broker.partitions, place, name: 'state-0', crc32c, nowMs, warn: () => {} });
}

function entry(key: string, value: string | null): StoredEntry {
  return { key: Buffer.from(key), value: value === null ? null : Buffer.from(value) };
}

async function replayed(broker: BrokerInOneThread, log: CoordinatorLog): Promise<string[]> {
  const seen: string[] = [];
  const loading = log.load({
    entry: (key, value, { offset, producer }) => {
      const owner = producer === null ? '' : ` of ${producer.producerId}/${producer.producerEpoch}`;
      seen.push(`${offset} ${Buffer.from(key)}=${value === null ? 'null' : Buffer.from(value)}${owner}`);
    },
    marker: ({ producerId }: LogProducer, isCommit) => seen.push(`${producerId} ${isCommit ? 'committed' : 'aborted'}`),
  });
  await broker.driven(loading);
  return seen;
}

describe('the log of a coordinator', () => {
  it('replays what was appended, in order', async () => {
    const broker = await start();
    const log = logOf(broker);
    expect(await replayed(broker, log)).toEqual([]);
    await broker.driven(log.append([entry('a', '1'), entry('b', null)]));
    await broker.driven(log.append([entry('a', '2')], { producerId: 9, producerEpoch: 3 }));
    expect(await replayed(broker, logOf(broker))).toEqual(['0 a=1', '1 b=null', '2 a=2 of 9/3']);
  });

  it('gathers what is appended while a write is under way into one batch', async () => {
    const broker = await start();
    const log = logOf(broker);
    const writes = Array.from({ length: 100 }, (_, index) => log.append([entry(`k${index}`, 'v')]));
    await broker.driven(Promise.all(writes));
    const place = must(broker.plane.services.controller.placeOf('state', 0), 'the partition is placed');
    const { bytes } = await broker.driven(broker.partitions.read(place, 0, 1 << 20, { isCommitted: false }));
    // One batch: its length field spans all the bytes there are.
    expect(new DataView(bytes.buffer, bytes.byteOffset).getInt32(8) + 12).toBe(bytes.length);
    expect(await replayed(broker, logOf(broker))).toHaveLength(100);
  });

  it('does not write what is not wanted any more when its turn comes', async () => {
    const broker = await start();
    const log = logOf(broker);
    const producer = { producerId: 9, producerEpoch: 3 };
    let isWanted = true;
    const first = log.append([entry('a', '1')]);
    await Promise.resolve();
    const late = log.append([entry('b', '1')], producer, () => isWanted);
    const refused = expect(late).rejects.toMatchObject({ code: 'PB_FENCED' });
    const other = log.append([entry('c', '1')], producer);
    isWanted = false;
    await broker.driven(Promise.all([first, other]));
    await refused;
    expect(await replayed(broker, logOf(broker))).toEqual(['0 a=1', '1 c=1 of 9/3']);
  });

  it('is lost when too many wait, and writes nothing more of what its owner then forgets', async () => {
    const held: ((appended: PortAppended) => void)[] = [];
    const log = new CoordinatorLog({
      port: {
        append: () => new Promise((resolve) => held.push(resolve)),
        read: () => Promise.reject(new Error('nothing is read')),
      },
      place: { slot: 0, worker: 0 },
      name: 'state-0',
      crc32c,
      nowMs: () => 0,
      warn: () => {},
      waitingMax: 100,
    });
    const first = log.append([entry('first', '1')]);
    await Promise.resolve();
    const one = [entry('more', '1')];
    const others = Array.from({ length: 101 }, () => log.append(one));
    const outcomes = Promise.allSettled(others);
    held[0]?.({ error: 0, baseOffset: 0 });
    await first;
    expect((await outcomes).filter(({ status }) => status === 'fulfilled')).toHaveLength(0);
    expect(held).toHaveLength(1);
    expect(log.isLost).toBe(true);
  });

  it('is lost when a write fails, and says so to everybody who waits', async () => {
    const broker = await start();
    const log = logOf(broker);
    broker.world.disk.failNext('write', 'EIO');
    const outcomes = await broker.driven(
      Promise.allSettled([log.append([entry('a', '1')]), log.append([entry('b', '1')])]),
    );
    for (const outcome of outcomes) {
      expect(outcome.status).toBe('rejected');
      if (outcome.status === 'rejected') expect(isFault(outcome.reason) && outcome.reason.code).toBe('PB_LOG_LOST');
    }
    expect(log.isLost).toBe(true);
    await expect(log.append([entry('c', '1')])).rejects.toMatchObject({ code: 'PB_LOG_LOST' });
  });
});
