import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CommittedOffset, CommittedOffsets } from '../../src/groups/committed-offsets.ts';
import { ZERO_UUID } from '../../src/protocol/fields.ts';
import { cpuMs } from '../support/cpu-time.ts';

function at(offset: number): CommittedOffset {
  const times = { commitTimestampMs: 0, expireTimestampMs: -1 };
  return { offset, leaderEpoch: -1, metadata: '', topicId: ZERO_UUID, ...times };
}

interface Pending {
  readonly owner: number;
  readonly group: string;
  readonly partition: number;
  readonly offset: number;
}

describe('offsets of transactions', () => {
  const step = fc.record({
    kind: fc.constantFrom('offer', 'keep', 'give-up', 'commit', 'abort', 'remove', 'set'),
    producer: fc.integer({ min: 1, max: 3 }),
    group: fc.constantFrom('g', 'h'),
    partition: fc.integer({ min: 0, max: 1 }),
  });

  it('are where a plain list of them says', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const offsets = new CommittedOffsets();
        let list: Pending[] = [];
        const visible = new Map<string, number>();
        const offers: number[] = [];
        steps.forEach(({ kind, producer, group, partition }, offset) => {
          const place = `${group}${partition}`;
          switch (kind) {
            case 'offer': {
              const number = offsets.offerPending(group, [{ topic: 't', partition, kept: at(offset) }]);
              list.push({ owner: number, group, partition, offset });
              offers.push(number);
              break;
            }
            case 'keep':
            case 'give-up': {
              const number = offers.shift() ?? 0;
              offsets.takeOffer(number, kind === 'keep' ? producer : null);
              const taken = list.filter(({ owner }) => owner === number);
              list = list.filter(({ owner }) => owner !== number);
              for (const one of kind === 'keep' ? taken : []) {
                list = list.filter((other) => !isSame(other, { ...one, owner: producer }));
                list.push({ ...one, owner: producer });
              }
              break;
            }
            case 'commit':
            case 'abort':
              offsets.endTransaction(producer, kind === 'commit');
              for (const one of list.filter(({ owner }) => kind === 'commit' && owner === producer)) {
                const name = `${one.group}${one.partition}`;
                visible.set(name, Math.max(visible.get(name) ?? -1, one.offset));
              }
              list = list.filter(({ owner }) => owner !== producer);
              break;
            case 'remove':
              offsets.remove(group, 't', partition);
              visible.delete(place);
              list = list.filter((one) => one.group !== group || one.partition !== partition);
              break;
            case 'set':
              offsets.set(group, 't', partition, at(offset));
              visible.set(place, offset);
              break;
          }
          for (const id of ['g', 'h']) {
            const ofGroup = list.filter((one) => one.group === id);
            expect(offsets.hasPending(id)).toBe(ofGroup.length > 0);
            for (const one of [0, 1]) {
              expect(offsets.isPending(id, 't', one)).toBe(ofGroup.some((pending) => pending.partition === one));
              expect(offsets.get(id, 't', one)?.offset).toBe(visible.get(`${id}${one}`));
            }
          }
        });
      }),
    );
  });

  it('are found at once, however many transactions are open', () => {
    const offsets = new CommittedOffsets();
    for (let producer = 0; producer < 10_000; producer++) offsets.setPending(producer, 'g', 't', 0, at(1));
    const begunMs = cpuMs();
    for (let partition = 1; partition < 20_000; partition++) {
      if (offsets.isPending('g', 't', partition) || offsets.hasPending(`h${partition}`))
        throw new Error('none is there');
      offsets.remove('g', 't', partition);
    }
    expect(cpuMs() - begunMs).toBeLessThan(1000);
  });
});

function isSame(one: Pending, other: Pending): boolean {
  return one.owner === other.owner && one.group === other.group && one.partition === other.partition;
}
