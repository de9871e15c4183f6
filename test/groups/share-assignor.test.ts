/** The assignor of share groups: by example, and over random groups what must hold for all of them. */
import { describe, expect, it } from 'vitest';
import { type Assignment, assignmentOf, emptyAssignment, listOf } from '../../src/groups/assignment.ts';
import { assignShares } from '../../src/groups/share-assignor.ts';
import { Prng } from '../support/prng.ts';

const member = (id: string, topicIds: string[], assigned: Assignment = emptyAssignment) => ({
  id,
  topicIds: new Set(topicIds),
  assigned,
});
const held = (topicId: string, ...partitions: number[]): Assignment => assignmentOf([{ topicId, partitions }]);
const upTo = (count: number) => () => Array.from({ length: count }, (_, index) => index);

function plain(assignments: Map<string, Assignment>) {
  return Object.fromEntries([...assignments].map(([id, assignment]) => [id, listOf(assignment)]));
}

describe('the assignor of share groups', () => {
  it('gives one member everything', () => {
    expect(plain(assignShares([member('a', ['t'])], upTo(3)))).toEqual({
      a: [{ topicId: 't', partitions: [0, 1, 2] }],
    });
  });

  it('lets members share partitions when there are more members', () => {
    const got = plain(assignShares([member('a', ['t']), member('b', ['t']), member('c', ['t'])], upTo(2)));
    expect(got).toEqual({
      a: [{ topicId: 't', partitions: [0] }],
      b: [{ topicId: 't', partitions: [1] }],
      c: [{ topicId: 't', partitions: [0] }],
    });
  });

  it('takes from who has much only what evenness asks for', () => {
    const got = plain(assignShares([member('a', ['t'], held('t', 0, 1, 2, 3)), member('b', ['t'])], upTo(4)));
    expect(got).toEqual({
      a: [{ topicId: 't', partitions: [0, 1] }],
      b: [{ topicId: 't', partitions: [2, 3] }],
    });
  });

  it('gives nothing of topics that a member does not read, or that are not there', () => {
    const partitionsOf = (topicId: string) => (topicId === 'gone' ? [] : [0]);
    expect(plain(assignShares([member('a', ['t']), member('b', ['u', 'gone'])], partitionsOf))).toEqual({
      a: [{ topicId: 't', partitions: [0] }],
      b: [{ topicId: 'u', partitions: [0] }],
    });
  });

  const seed = Number(process.env['PERFBROKER_SEED'] ?? 41);
  it(`leaves no partition and no member without the other, evenly, and keeps what was even (seed ${seed})`, () => {
    const random = new Prng(seed);
    for (let round = 0; round < 300; round++) {
      const partitionCount = 1 + random.nextInt(12);
      let members = Array.from({ length: 1 + random.nextInt(12) }, (_, index) => member(`m${index}`, ['t']));
      for (let change = 0; change < 4; change++) {
        const assignments = assignShares(members, upTo(partitionCount));
        const sizes = [...assignments.values()].map((one) => one.get('t')?.size ?? 0);
        const holders = upTo(partitionCount)().map(
          (partition) => [...assignments.values()].filter((one) => one.get('t')?.has(partition)).length,
        );
        const where = `round ${round}, change ${change}: ${sizes} of ${partitionCount}`;
        expect(Math.min(...sizes), where).toBeGreaterThan(0);
        expect(Math.max(...sizes) - Math.min(...sizes), where).toBeLessThanOrEqual(1);
        expect(Math.min(...holders), where).toBeGreaterThan(0);
        expect(Math.max(...holders) - Math.min(...holders), where).toBeLessThanOrEqual(1);
        members = members.map(({ id }) => member(id, ['t'], assignments.get(id)));
        expect(plain(assignShares(members, upTo(partitionCount))), where).toEqual(plain(assignments));
        if (random.nextBoolean()) members = [...members, member(`n${round}-${change}`, ['t'])];
        else if (members.length > 1) members.splice(random.nextInt(members.length), 1);
      }
    }
  });
});
