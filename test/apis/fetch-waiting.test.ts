import { describe, expect, test } from 'vitest';
import { anyBatch } from '../net/wire.ts';
import { ask, lengthsIn, rigOf } from './fetch-client.ts';

describe('a Fetch that waits for min_bytes', () => {
  test('counts what was written before and could not be shown before its flush', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 1);
    const slot = rig.slotOf(topic, 0);
    rig.board.set(slot, 0, 0, 0, 1, 90);
    const client = rig.connect();
    ask(client, 12, [{ topic, partition: 0, offset: 0 }], { minBytes: 50, maxWaitMs: 60_000 });
    rig.settle();
    expect(client.receivedBytes).toBe(0);
    rig.worker(0).append(slot, anyBatch(90, 1));
    rig.settle();
    expect(lengthsIn(client, 12)).toEqual([90]);
  });

  test('counts what arrives in the middle of a look', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 1);
    const slot = rig.slotOf(topic, 0);
    const high = rig.board.high.bind(rig.board);
    rig.board.high = (asked) => {
      const seen = high(asked);
      if (rig.worker(0).log(slot).end === 0) rig.worker(0).append(slot, anyBatch(90, 1));
      return seen;
    };
    const client = rig.connect();
    ask(client, 12, [{ topic, partition: 0, offset: 0 }], { minBytes: 50, maxWaitMs: 60_000 });
    rig.settle();
    expect(lengthsIn(client, 12)).toEqual([90]);
  });

  test('where no more fetches may wait, one is answered with what there is, however little', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 1);
    rig.worker(0).append(rig.slotOf(topic, 0), anyBatch(90, 1));
    rig.front.parked.hasRoom = () => false;
    const client = rig.connect();
    ask(client, 12, [{ topic, partition: 0, offset: 0 }], { minBytes: 1000 });
    rig.settle();
    expect(lengthsIn(client, 12)).toEqual([90]);
    client.end();
    rig.settle();
    rig.expectNothingHeld();
  });
});
