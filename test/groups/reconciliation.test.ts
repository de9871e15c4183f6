import { describe, expect, test } from 'vitest';
import { assignmentOf, listOf, withEpoch } from '../../src/groups/assignment.ts';
import { type CurrentAssignment, newAssignment, newMember } from '../../src/groups/consumer-member.ts';
import { reconcile } from '../../src/groups/reconciliation.ts';

const TOPIC = 'topic';

function held(partitions: readonly number[], epoch = 1) {
  return withEpoch(assignmentOf([{ topicId: TOPIC, partitions }]), epoch);
}

interface Situation {
  readonly current: Partial<CurrentAssignment>;
  readonly target: readonly number[];
  readonly owned: readonly number[] | null;
  readonly others?: readonly number[];
  readonly isSubscribed?: boolean;
  readonly hasSubscriptionChanged?: boolean;
}

/** At the epoch 2 of the target. */
function next({ current, target, owned, others = [], isSubscribed = true, hasSubscriptionChanged = false }: Situation) {
  const whole = { ...newAssignment, epoch: 1, ...current };
  const result = reconcile({
    member: { ...newMember('one'), current: whole },
    targetEpoch: 2,
    target: assignmentOf([{ topicId: TOPIC, partitions: target }]),
    subscribedIds: new Set(isSubscribed ? [TOPIC] : []),
    hasSubscriptionChanged,
    owned: owned === null ? null : [{ topicId: TOPIC, partitions: owned }],
    isHeld: (_topicId, partition) =>
      others.includes(partition) ||
      whole.assigned.get(TOPIC)?.has(partition) === true ||
      whole.pendingRevocation.get(TOPIC)?.has(partition) === true,
  });
  const numbers = (list: readonly { readonly partitions: number[] }[]) => list.flatMap(({ partitions }) => partitions);
  return {
    epoch: result.epoch,
    state: result.state,
    assigned: numbers(listOf(result.assigned)),
    pending: numbers(listOf(result.pendingRevocation)),
  };
}

describe('a member on its way to its target', () => {
  test('gets what is free at once, and the epoch with it', () => {
    const result = next({ current: {}, target: [0, 1], owned: [] });
    expect(result).toEqual({ epoch: 2, state: 'stable', assigned: [0, 1], pending: [] });
  });

  test('waits for what another holds, with what it got meanwhile', () => {
    const result = next({ current: {}, target: [0, 1], owned: [], others: [1] });
    expect(result).toEqual({ epoch: 2, state: 'unreleased-partitions', assigned: [0], pending: [] });
  });

  test('gives up first, and gets nothing before it did', () => {
    const current = { assigned: held([0, 1]) };
    const told = next({ current, target: [1, 2], owned: [0, 1] });
    expect(told).toEqual({ epoch: 1, state: 'unrevoked-partitions', assigned: [1], pending: [0] });
    const waiting = { state: 'unrevoked-partitions', assigned: held([1]), pendingRevocation: held([0]) } as const;
    expect(next({ current: waiting, target: [1, 2], owned: [0, 1] })).toEqual(told);
    expect(next({ current: waiting, target: [1, 2], owned: null })).toEqual(told);
    const done = next({ current: waiting, target: [1, 2], owned: [1] });
    expect(done).toEqual({ epoch: 2, state: 'stable', assigned: [1, 2], pending: [] });
  });

  test('may have back what it was about to give up', () => {
    const waiting = { state: 'unrevoked-partitions', assigned: held([1]), pendingRevocation: held([0]) } as const;
    const result = next({ current: waiting, target: [0, 1], owned: [] });
    expect(result).toEqual({ epoch: 2, state: 'stable', assigned: [0, 1], pending: [] });
  });

  test('loses topics it does not read any more before there is a new target', () => {
    const current = { epoch: 2, assigned: held([0, 1]) };
    const result = next({ current, target: [0, 1], owned: [0, 1], isSubscribed: false, hasSubscriptionChanged: true });
    expect(result).toEqual({ epoch: 2, state: 'unrevoked-partitions', assigned: [], pending: [0, 1] });
    const given = next({ current, target: [0, 1], owned: [], isSubscribed: false, hasSubscriptionChanged: true });
    expect(given).toEqual({ epoch: 2, state: 'stable', assigned: [], pending: [] });
  });

  test('begins anew without partitions where its state is not known', () => {
    const current = { state: 'unknown', assigned: held([0]) } as const;
    expect(() => next({ current, target: [0], owned: [0] })).toThrow('join again');
    expect(() => next({ current, target: [0], owned: null })).toThrow('join again');
  });
});
