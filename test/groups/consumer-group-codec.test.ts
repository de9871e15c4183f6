import { describe, expect, test } from 'vitest';
import { assignmentOf, nothingHeld, withEpoch } from '../../src/groups/assignment.ts';
import { decodeConsumerRecord, encodeConsumerRecord } from '../../src/groups/consumer-group-codec.ts';
import type { ConsumerGroupRecord } from '../../src/groups/consumer-group-record.ts';
import type { MemberMetadata } from '../../src/groups/consumer-member.ts';
import { storedKind } from '../../src/protocol/stored-record.ts';

const topicId = Buffer.from('0123456789abcdef').toString('base64url');
const member: MemberMetadata = {
  instanceId: 'fixed',
  rackId: null,
  clientId: 'perfbroker-client',
  clientHost: '/127.0.0.1',
  topicNames: ['shared'],
  topicPattern: '',
  rebalanceTimeoutMs: 600_000,
  assignorName: null,
  classic: null,
};
const guest = {
  ...member,
  classic: { sessionTimeoutMs: 10_000, supportedProtocols: [{ name: 'range', metadata: Uint8Array.of(1, 2) }] },
};
const partitions = assignmentOf([{ topicId, partitions: [0, 2] }]);
const current = {
  epoch: 5,
  previousEpoch: 4,
  state: 'unrevoked-partitions',
  assigned: withEpoch(partitions, 3),
  pendingRevocation: withEpoch(assignmentOf([{ topicId, partitions: [7] }]), 2),
} as const;

const records: readonly (readonly [number, ConsumerGroupRecord])[] = [
  [3, { kind: 'group', value: { epoch: 7, metadataHash: -2863172006617907452n } }],
  [4, { kind: 'partition-metadata', isPresent: false }],
  [5, { kind: 'member', memberId: 'one', value: member }],
  [5, { kind: 'member', memberId: 'one', value: guest }],
  [6, { kind: 'target-epoch', value: { epoch: 7, timestampMs: 1_795_739_481_687 } }],
  [7, { kind: 'target', memberId: 'one', value: partitions }],
  [8, { kind: 'current', memberId: 'one', value: current }],
  [16, { kind: 'pattern', pattern: 'a.*', value: { topicNames: ['ab', 'ac'], catalogVersion: 3, timestampMs: 9 } }],
];

describe('the records of a consumer group', () => {
  test.each(records)('of kind %i are read as they were written, and their tombstones', (kind, record) => {
    const { key, value } = encodeConsumerRecord('g', record);
    expect(storedKind(key)).toBe(kind);
    expect(decodeConsumerRecord(kind, key, value)).toEqual({ groupId: 'g', record });
    if (record.kind === 'partition-metadata') return;
    const tombstone = { ...record, value: null };
    const entry = encodeConsumerRecord('g', tombstone);
    expect(entry.value).toBeNull();
    expect(decodeConsumerRecord(kind, entry.key, null)).toEqual({ groupId: 'g', record: tombstone });
  });

  test('of kinds that others own are not theirs', () => {
    expect(decodeConsumerRecord(2, new Uint8Array(2), null)).toBeNull();
  });

  /** Taken from a folder of Apache Kafka 4.3.1. */
  const kafkaMember = Buffer.from(
    '00000666697865640012706572' +
      '6662726f6b65722d636c69656e740b2f3132372e302e302e31020773686172656401000927c00001000100',
    'hex',
  );

  test('a member as Kafka writes it: null is written, for left out means empty', () => {
    const record: ConsumerGroupRecord = { kind: 'member', memberId: 'one', value: member };
    const { key, value } = encodeConsumerRecord('g', record);
    expect(Buffer.from(value ?? [])).toEqual(kafkaMember);
    expect(decodeConsumerRecord(5, key, kafkaMember)).toEqual({ groupId: 'g', record });
  });

  test('an assignment from before KIP-1251 has the epoch of its member', () => {
    const { key, value } = encodeConsumerRecord('g', { kind: 'current', memberId: 'one', value: current });
    const list = Buffer.from(topicId, 'base64url');
    const old = Buffer.concat([
      Buffer.from('0000000000050000000401', 'hex'),
      one(list, [0, 2]),
      one(list, [7]),
      zero(),
    ]);
    expect(value?.length).toBeGreaterThan(old.length);
    expect(decodeConsumerRecord(8, key, old)).toMatchObject({
      record: { value: { state: 'unrevoked-partitions', assigned: withEpoch(partitions, 5) } },
    });
  });

  test('a state of a later version is unknown, and no error', () => {
    const { key, value } = encodeConsumerRecord('g', {
      kind: 'current',
      memberId: 'one',
      value: { ...current, assigned: nothingHeld, pendingRevocation: nothingHeld },
    });
    const later = Uint8Array.from(value ?? []);
    later[10] = 9;
    expect(decodeConsumerRecord(8, key, later)).toMatchObject({ record: { value: { state: 'unknown' } } });
  });
});

/** A list of one topic without tagged fields. */
function one(id: Uint8Array, partitions: readonly number[]): Uint8Array {
  const numbers = partitions.flatMap((partition) => [0, 0, 0, partition]);
  return Uint8Array.from([2, ...id, partitions.length + 1, ...numbers, 0]);
}

function zero(): Uint8Array {
  return Uint8Array.of(0);
}
