import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  LED_ELSEWHERE,
  NO_PARTITION,
  RouteTable,
  type RouteTopic,
  type RouteUpdate,
} from '../../src/net/route-table.ts';

function route(name: string, idByte: number, partitions: number): RouteTopic {
  const id = new Uint8Array(16).fill(idByte);
  return {
    name,
    id,
    partitions: Array.from({ length: partitions }, (_, index) => ({
      slot: idByte * 100 + index,
      worker: index % 3,
      leaderEpoch: 0,
    })),
  };
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('route table', () => {
  test('finds topics by the bytes of a name or id anywhere in a request', () => {
    const table = new RouteTable();
    table.apply({ kind: 'image', version: 1, topics: [route('a', 1, 2), route('ab', 2, 1)] });
    const bytes = encode('xxabyy');
    expect(table.findByName(bytes, 2, 1)?.slotOf(1)).toBe(101);
    expect(table.findByName(bytes, 2, 2)?.slotOf(0)).toBe(200);
    expect(table.findByName(bytes, 3, 1)).toBeNull();
    expect(table.findById(new Uint8Array(20).fill(2), 3)?.slotOf(0)).toBe(200);
    expect(table.findById(new Uint8Array(16), 0)).toBeNull();
  });

  test('tells partitions that do not exist from those led elsewhere', () => {
    const table = new RouteTable();
    table.apply({
      kind: 'topic',
      version: 1,
      topic: { ...route('a', 1, 0), partitions: [{ slot: -1, worker: -1, leaderEpoch: 4 }] },
    });
    const topic = table.findByName(encode('a'), 0, 1)!;
    expect([topic.slotOf(0), topic.slotOf(1), topic.slotOf(-1)]).toEqual([LED_ELSEWHERE, NO_PARTITION, NO_PARTITION]);
  });

  test('an update that is older than what is known changes nothing', () => {
    const table = new RouteTable();
    table.apply({ kind: 'topic', version: 5, topic: route('a', 1, 2) });
    table.apply({ kind: 'topic', version: 4, topic: route('a', 1, 1) });
    expect(table.findByName(encode('a'), 0, 1)?.partitionCount).toBe(2);
  });

  test('model: a table under any updates finds what a map finds, and dead topics say so', () => {
    const names = ['a', 'b', 'topic-1', 'topic-2', 'x'.repeat(249)];
    const change = fc.tuple(
      fc.constantFrom(...names),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 0, max: 5 }),
      fc.boolean(),
    );
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const table = new RouteTable();
        const model = new Map<string, RouteTopic>();
        let version = 0;
        for (const [name, idByte, partitions, isGone] of changes) {
          const inUse = [...model.values()].some((one) => one.id[0] === idByte && one.name !== name);
          if (inUse) continue;
          version += 1;
          const before = table.findByName(encode(name), 0, name.length);
          let update: RouteUpdate = { kind: 'topic', version, topic: route(name, idByte, partitions) };
          if (isGone) {
            update = { kind: 'topic-gone', version, name, id: new Uint8Array(16).fill(idByte) };
            if (model.get(name)?.id[0] === idByte) model.delete(name);
          } else {
            model.set(name, update.topic);
          }
          table.apply(update);
          const after = table.findByName(encode(name), 0, name.length);
          if (before !== null && before !== after) expect(before.isLive).toBe(false);
          for (const each of names) {
            const expected = model.get(each);
            const found = table.findByName(encode(each), 0, each.length);
            expect(found?.partitionCount).toBe(expected?.partitions.length);
            if (expected !== undefined) expect(table.findById(expected.id, 0)).toBe(found);
          }
        }
        expect(table.topicCount).toBe(model.size);
      }),
    );
  });
});
