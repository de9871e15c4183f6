/** What readers are told while the disk does not give what was found there at a start, and that it is given when it can be. */
import { expect, test } from 'vitest';
import { BrokerInOneThread, partitionFolder } from '../support/broker-in-one-thread.ts';
import { batchOf, createTopic, fetchFrom, produceTo, recordsIn } from '../support/simulated-deeds.ts';
import { SimulatedWorld } from '../support/simulated-world.ts';

const STORAGE_ERROR = 56;
const LOG = `${partitionFolder('orders', 0)}/00000000000000000000.log`;
const COUNT = 60;

/** A broker that found records 0 to 59 of `orders`, a batch each. */
async function restarted() {
  const world = new SimulatedWorld(1);
  const first = await BrokerInOneThread.start(world);
  const client = first.connect();
  const topic = await createTopic(client, 'orders', { configs: { 'index.interval.bytes': '200' } });
  for (let fill = 0; fill < COUNT; fill++) {
    expect((await produceTo(client, topic, batchOf({ fill, count: 1 }))).errorCode).toBe(0);
  }
  await first.stop();
  const broker = await BrokerInOneThread.start(world);
  const fetch = (offset: number) => fetchFrom(broker.connect(), topic, offset, { maxBytes: 1000 });
  return { world, broker, fetch };
}

const offsetsIn = (bytes: Uint8Array | null) => recordsIn(bytes).map(({ offset }) => Number(offset));

test('batches that cannot be read are not told to be damaged', async () => {
  for (let refused = 0, wasRefused = true; wasRefused; refused++) {
    const { world, broker, fetch } = await restarted();
    const { read } = world.disk;
    let count = 0;
    wasRefused = false;
    world.disk.read = (fd, ...rest) => {
      if (world.disk.pathOf(fd) === LOG && count++ === refused) {
        wasRefused = true;
        world.disk.failNext('read', 'EIO');
      }
      return read.call(world.disk, fd, ...rest);
    };
    const seen: number[] = [];
    let hungUp = 0;
    for (let tries = 0; tries < 60 && (seen.at(-1) ?? -1) < COUNT - 1; tries++) {
      // Null: it was the read of a region that was being sent, whose client cannot be told any more.
      const fetched = await fetch((seen.at(-1) ?? -1) + 1).catch(() => null);
      if (fetched === null) hungUp += 1;
      else expect([0, STORAGE_ERROR]).toContain(fetched.errorCode);
      seen.push(...offsetsIn(fetched?.records ?? null));
    }
    expect(seen).toEqual(Array.from({ length: COUNT }, (_, index) => index));
    expect(hungUp).toBeLessThan(2);
    expect(broker.lines.filter((line) => line.includes('is damaged'))).toEqual([]);
    broker.kill();
  }
});
