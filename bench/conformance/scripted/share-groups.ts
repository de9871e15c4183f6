/** Share groups (KIP-932): joining, acquiring, acknowledging, and the offsets of the group as an administrator sees them. */
import { type Row, type RowOptions, type RowScript, row, rowScript, saved } from './rows.ts';
import { batch, creates, own, produces, ZERO_UUID } from './words.ts';

const MEMBER_A = 'AQAAAAAAAAAAAAAAAAAAAA';

export const shareGroupScripts: readonly RowScript[] = [
  rowScript('share-group', shareRows()),
  rowScript('share-group-refusals', [
    creates('t0'),
    ...[0, -1, -2, -3, 5].map((memberEpoch) => shareBeat(own('s'), '', memberEpoch, [own('t0')])),
    shareBeat('', MEMBER_A, 0, [own('t0')]),
    shareBeat(own('s'), MEMBER_A, 0, null),
    shareBeat(own('s'), MEMBER_A, 0, []),
    shareBeat(own('s'), MEMBER_A, 3, null),
    shareBeat(own('unknown'), MEMBER_A, 3, null),
    shareBeat(own('unknown'), MEMBER_A, -1, null),
    shareFetch('last', own('unknown'), MEMBER_A, 0),
    shareFetch('last', own('unknown'), MEMBER_A, 4),
    shareFetch('last', own('unknown'), MEMBER_A, -1),
    shareFetch('last', null, MEMBER_A, 0),
    shareFetch('last', own('unknown'), '', 0),
    shareAcknowledge(own('unknown'), 1, 0, [1]),
    shareAcknowledge(own('unknown'), 0, 0, [1]),
    row('ShareGroupDescribe', 1, { groupIds: [own('unknown'), ''], includeAuthorizedOperations: true }),
    row('DescribeShareGroupOffsets', 'each', {
      groups: [
        { groupId: own('unknown'), topics: null },
        { groupId: '', topics: [] },
      ],
    }),
    row('AlterShareGroupOffsets', 0, {
      groupId: own('unknown'),
      topics: [{ topicName: own('t0'), partitions: [{ partitionIndex: 0, startOffset: 0 }] }],
    }),
    row('DeleteShareGroupOffsets', 0, { groupId: own('unknown'), topics: [{ topicName: own('t0') }] }),
  ]),
];

function shareBeat(
  groupId: unknown,
  memberId: string,
  memberEpoch: unknown,
  subscribedTopicNames: readonly unknown[] | null,
  options: RowOptions = {},
): Row {
  return row('ShareGroupHeartbeat', 1, { groupId, memberId, memberEpoch, subscribedTopicNames }, options);
}

function shareFetch(
  version: Row['version'],
  groupId: unknown,
  memberId: string,
  shareSessionEpoch: number,
  options: RowOptions = {},
  acknowledgementBatches: readonly unknown[] = [],
): Row {
  const topics = [
    { topicId: saved('id of t0', ZERO_UUID), partitions: [{ partitionIndex: 0, acknowledgementBatches }] },
  ];
  return row(
    'ShareFetch',
    version,
    {
      groupId,
      memberId,
      shareSessionEpoch,
      maxWaitMs: 300,
      minBytes: 1,
      maxBytes: 1_000_000,
      maxRecords: 100,
      batchSize: 100,
      topics,
      forgottenTopicsData: [],
    },
    options,
  );
}

function shareAcknowledge(
  groupId: unknown,
  shareSessionEpoch: number,
  offset: number,
  acknowledgeTypes: readonly number[],
): Row {
  const acknowledgementBatches = [{ firstOffset: offset, lastOffset: offset, acknowledgeTypes }];
  const topics = [
    { topicId: saved('id of t0', ZERO_UUID), partitions: [{ partitionIndex: 0, acknowledgementBatches }] },
  ];
  return row('ShareAcknowledge', 'last', { groupId, memberId: MEMBER_A, shareSessionEpoch, topics });
}

function shareRows(): Row[] {
  const s = own('s');
  const earliest = { name: 'share.auto.offset.reset', configOperation: 0, value: 'earliest' };
  return [
    creates('t0'),
    row('IncrementalAlterConfigs', 1, {
      resources: [{ resourceType: 32, resourceName: s, configs: [earliest] }],
      validateOnly: false,
    }),
    produces(9, own('t0'), batch({ count: 5 })),
    shareBeat(s, MEMBER_A, 0, [own('t0')], { save: { epoch: 'memberEpoch' } }),
    shareBeat(s, MEMBER_A, saved('epoch', 1), null, { save: { epoch: 'memberEpoch' } }),
    shareFetch(1, s, MEMBER_A, 0),
    shareAcknowledge(s, 1, 0, [1]),
    shareAcknowledge(s, 2, 1, [2]),
    shareAcknowledge(s, 3, 2, [3]),
    shareAcknowledge(s, 4, 3, [9]),
    shareAcknowledge(s, 5, 99, [1]),
    shareAcknowledge(s, 9, 3, [1]),
    row('ShareGroupDescribe', 1, { groupIds: [s], includeAuthorizedOperations: true }),
    row('DescribeShareGroupOffsets', 'each', { groups: [{ groupId: s, topics: null }] }),
    row('DescribeShareGroupOffsets', 'each', {
      groups: [{ groupId: s, topics: [{ topicName: own('t0'), partitions: [0, 7] }] }],
    }),
    row('ListGroups', 'last', { statesFilter: [], typesFilter: ['share'] }),
    row('AlterShareGroupOffsets', 0, {
      groupId: s,
      topics: [{ topicName: own('t0'), partitions: [{ partitionIndex: 0, startOffset: 0 }] }],
    }),
    row('DeleteShareGroupOffsets', 0, { groupId: s, topics: [{ topicName: own('t0') }] }),
    row('DeleteGroups', 2, { groupsNames: [s] }),
    shareBeat(s, MEMBER_A, -1, null),
    row('AlterShareGroupOffsets', 0, {
      groupId: s,
      topics: [{ topicName: own('t0'), partitions: [{ partitionIndex: 0, startOffset: 2 }] }],
    }),
    row('DescribeShareGroupOffsets', 'each', { groups: [{ groupId: s, topics: null }] }),
    row('DeleteShareGroupOffsets', 0, {
      groupId: s,
      topics: [{ topicName: own('t0') }, { topicName: own('missing') }],
    }),
    row('DeleteGroups', 2, { groupsNames: [s] }),
  ];
}
