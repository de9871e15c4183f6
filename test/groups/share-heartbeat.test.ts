/** Decisions about share groups without a broker: epochs, targets, and who may speak. */
import { describe, expect, it } from 'vitest';
import { listOf } from '../../src/groups/assignment.ts';
import { ShareGroup, withBegun } from '../../src/groups/share-group.ts';
import type { ShareGroupRecord } from '../../src/groups/share-group-record.ts';
import {
  bringsTopics,
  partitionsToBegin,
  removal,
  type ShareHeartbeat,
  type ShareTopics,
  type ShareWorld,
  shareHeartbeat,
  shareLeave,
} from '../../src/groups/share-heartbeat.ts';
import { readShareEntry, shareEntry } from '../../src/groups/share-records.ts';
import { storedKind } from '../../src/protocol/stored-record.ts';
import { cpuMs } from '../support/cpu-time.ts';

const T = 'AAAAAAAAAAAAAAAAAAAAAA';

class Topics implements ShareTopics {
  readonly version = 0;
  counts = new Map([['t', 2]]);
  idOf(name: string): string | null {
    return this.counts.has(name) ? T : null;
  }
  nameOf(): string {
    return 't';
  }
  partitionCountOf(): number {
    return this.counts.get('t') ?? 0;
  }
}

class Stage {
  group = new ShareGroup('g');
  readonly topics = new Topics();
  readonly world: { -readonly [K in keyof ShareWorld]: ShareWorld[K] } = {
    topics: this.topics,
    sizeMax: 3,
    assignmentIntervalMs: 1000,
    nowMs: 5000,
  };
  /** What the group would be after a restart. */
  replayed = new ShareGroup('g');

  begin(): void {
    const begun = withBegun(this.group.begun, partitionsToBegin(this.group, ['t'], this.topics));
    this.apply([{ kind: 'begun', value: begun }]);
  }

  beat(memberId: string, memberEpoch: number, topicNames: string[] | null = null) {
    const command: ShareHeartbeat = {
      groupId: 'g',
      memberId,
      memberEpoch,
      rackId: null,
      topicNames,
      clientId: 'c',
      clientHost: '/1.2.3.4',
    };
    const { records, answer } = shareHeartbeat(this.group, command, this.world);
    this.apply(records);
    return { epoch: answer.memberEpoch, told: answer.assignment && listOf(answer.assignment)[0]?.partitions };
  }

  apply(records: readonly ShareGroupRecord[]): void {
    for (const record of records) {
      this.group.apply(record);
      const { key, value } = shareEntry('g', record);
      const read = readShareEntry(storedKind(key), key, value);
      expect(read).toEqual({ groupId: 'g', record });
      this.replayed.apply(read.record);
    }
    expect(this.replayed).toEqual(this.group);
  }
}

describe('a share group', () => {
  it('gives a member only partitions it has begun with', () => {
    const stage = new Stage();
    expect(stage.beat('a', 0, ['t'])).toEqual({ epoch: 2, told: undefined });
    stage.begin();
    stage.world.nowMs += 1000;
    expect(stage.beat('a', 2)).toEqual({ epoch: 3, told: [0, 1] });
    expect(stage.beat('a', 3)).toEqual({ epoch: 3, told: null });
  });

  it('moves to a new epoch when members, their topics or the partitions change', () => {
    const stage = new Stage();
    stage.begin();
    expect(stage.beat('a', 0, ['t'])).toEqual({ epoch: 2, told: [0, 1] });
    expect(stage.beat('b', 0, ['t'])).toEqual({ epoch: 3, told: [1] });
    expect(stage.beat('a', 2)).toEqual({ epoch: 3, told: [0] });
    stage.topics.counts.set('t', 3);
    stage.begin();
    stage.world.nowMs += 1000;
    expect(stage.beat('a', 3)).toEqual({ epoch: 4, told: [0, 2] });
    stage.apply(removal(stage.group, 'b', stage.topics));
    stage.world.nowMs += 1000;
    expect(stage.beat('a', 4)).toEqual({ epoch: 5, told: [0, 1, 2] });
  });

  // Each was looked for among all that the member had: 450 KB held main for 30 s.
  it('sees among very many topics whether one is new', () => {
    const stage = new Stage();
    const names = Array.from({ length: 60_000 }, (_, index) => index.toString(36));
    stage.beat('m', 0, names);
    const command = {
      groupId: 'g',
      memberId: 'm',
      memberEpoch: 1,
      rackId: null,
      clientId: 'c',
      clientHost: '/1.2.3.4',
    };
    const begunMs = cpuMs();
    expect(bringsTopics(stage.group, { ...command, topicNames: names })).toBe(false);
    expect(bringsTopics(stage.group, { ...command, topicNames: [...names, 'a-new-one'] })).toBe(true);
    expect(cpuMs() - begunMs).toBeLessThan(3000);
  });

  it('makes no target before its time, except for who joins', () => {
    const stage = new Stage();
    stage.begin();
    stage.beat('a', 0, ['t']);
    expect(stage.beat('b', 0, ['t'])).toEqual({ epoch: 3, told: [1] });
    stage.apply(removal(stage.group, 'b', stage.topics));
    expect(stage.beat('a', 2)).toEqual({ epoch: 3, told: [0] });
    expect(stage.beat('a', 3)).toEqual({ epoch: 3, told: null });
    stage.world.nowMs += 1000;
    expect(stage.beat('a', 3)).toEqual({ epoch: 4, told: [0, 1] });
  });

  it('listens to a member at its epoch and at the one before', () => {
    const stage = new Stage();
    stage.begin();
    stage.beat('a', 0, ['t']);
    stage.beat('b', 0, ['t']);
    stage.beat('a', 2);
    expect(stage.beat('a', 2)).toEqual({ epoch: 3, told: null });
    expect(stage.beat('a', 0, ['t'])).toEqual({ epoch: 3, told: [0] });
    for (const epoch of [1, 4])
      expect(() => stage.beat('a', epoch)).toThrow(expect.objectContaining({ errorCode: 110 }));
    expect(() => stage.beat('x', 3)).toThrow(expect.objectContaining({ errorCode: 25 }));
    expect(() => shareLeave(stage.group, 'x', stage.topics)).toThrow(expect.objectContaining({ errorCode: 25 }));
  });

  it('takes no more members than it may have', () => {
    const stage = new Stage();
    for (const id of ['a', 'b', 'c']) stage.beat(id, 0, ['t']);
    expect(() => stage.beat('d', 0, ['t'])).toThrow(expect.objectContaining({ errorCode: 81 }));
    expect(stage.beat('a', 0, ['t']).epoch).toBeGreaterThan(1);
  });

  it('leaves nothing but tombstones when it goes', () => {
    const stage = new Stage();
    stage.begin();
    stage.beat('a', 0, ['t']);
    const tombstones = stage.group.tombstones();
    expect(tombstones.every(({ value }) => value === null)).toBe(true);
    expect(new Set(tombstones.map(({ key }) => storedKind(key)))).toEqual(new Set([10, 11, 12, 13, 14, 15]));
  });
});
