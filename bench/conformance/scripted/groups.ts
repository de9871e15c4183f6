/** Consumer groups: the classic protocol, committed offsets, the protocol of KIP-848, and describing, listing, deleting. */
import { type Row, type RowOptions, type RowScript, row, rowScript, saved } from './rows.ts';
import { assignment, creates, own, subscription, ZERO_UUID } from './words.ts';

const g = own('g');
const HELD_MS = 700;
/** For a request on one connection to be with the coordinator before one on another. */
const ARRIVAL_MS = 250;

function joins(
  version: Row['version'],
  memberId: unknown,
  more: Readonly<Record<string, unknown>> = {},
  options: RowOptions = {},
): Row {
  const body = {
    groupId: g,
    sessionTimeoutMs: 60_000,
    rebalanceTimeoutMs: 60_000,
    memberId,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: subscription }],
    ...more,
  };
  return row('JoinGroup', version, body, options);
}

/** From version 4 on a member first gets its id, then joins with it. */
function joinsTwice(name: string, options: RowOptions = {}, more: Readonly<Record<string, unknown>> = {}): Row[] {
  const { isHeld, ...first } = options;
  return [
    joins(9, '', more, { ...first, save: { [name]: 'memberId' } }),
    joins(9, saved(name), more, { ...options, save: { [`${name} generation`]: 'generationId' } }),
  ];
}

function syncs(
  version: Row['version'],
  name: string,
  generationId: unknown,
  members: readonly string[],
  options: RowOptions = {},
): Row {
  const assignments = members.map((member) => ({ memberId: saved(member), assignment }));
  return row(
    'SyncGroup',
    version,
    { groupId: g, generationId, memberId: saved(name), protocolType: 'consumer', protocolName: 'range', assignments },
    options,
  );
}

function beats(
  version: Row['version'],
  memberId: unknown,
  generationId: unknown,
  more: Readonly<Record<string, unknown>> = {},
): Row {
  return row('Heartbeat', version, { groupId: g, generationId, memberId, ...more });
}

function commits(
  version: Row['version'],
  more: Readonly<Record<string, unknown>> = {},
  partition: Readonly<Record<string, unknown>> = {},
): Row {
  const partitions = [{ partitionIndex: 0, committedOffset: 3, committedMetadata: 'note', ...partition }];
  const topics = [{ name: own('t0'), topicId: saved('id of t0', ZERO_UUID), partitions }];
  return row('OffsetCommit', version, { groupId: g, generationIdOrMemberEpoch: -1, memberId: '', topics, ...more });
}

function committed(
  version: Row['version'],
  more: Readonly<Record<string, unknown>> = {},
  topicsWanted: unknown = undefined,
): Row {
  const topics =
    topicsWanted === undefined
      ? [{ name: own('t0'), topicId: saved('id of t0', ZERO_UUID), partitionIndexes: [0, 1, 7] }]
      : topicsWanted;
  return row('OffsetFetch', version, { groupId: g, topics, groups: [{ groupId: g, topics }], ...more });
}

const describes = (version: Row['version'], groups: readonly unknown[] = [g]): Row =>
  row('DescribeGroups', version, { groups, includeAuthorizedOperations: true });
const lists = (
  version: Row['version'],
  statesFilter: readonly string[] = [],
  typesFilter: readonly string[] = [],
): Row => row('ListGroups', version, { statesFilter, typesFilter });

function leaves(version: Row['version'], memberId: unknown, members: readonly unknown[] = [{ memberId }]): Row {
  return row('LeaveGroup', version, { groupId: g, memberId, members });
}

export const groupScripts: readonly RowScript[] = [
  rowScript('group-of-one', [
    creates('t0', { partitions: 2 }),
    ...joinsTwice('m'),
    beats('each', saved('m'), saved('m generation', 1)),
    describes('each'),
    syncs(5, 'm', saved('m generation', 1), ['m']),
    beats('each', saved('m'), saved('m generation', 1)),
    beats(4, saved('m'), 99),
    beats(4, 'nobody', saved('m generation', 1)),
    beats(4, '', saved('m generation', 1)),
    describes('each'),
    lists('each'),
    commits('each', { memberId: saved('m'), generationIdOrMemberEpoch: saved('m generation', 1) }),
    commits(8, { memberId: saved('m'), generationIdOrMemberEpoch: 99 }),
    commits(8, { memberId: 'nobody', generationIdOrMemberEpoch: saved('m generation', 1) }),
    commits(8),
    committed('each'),
    syncs(5, 'm', 99, ['m']),
    joins(
      9,
      saved('m'),
      { protocols: [{ name: 'roundrobin', metadata: subscription }] },
      { save: { 'm generation': 'generationId' } },
    ),
    syncs(3, 'm', saved('m generation', 2), []),
    leaves('each', 'nobody'),
    leaves(5, saved('m')),
    leaves(5, saved('m')),
    describes('each'),
    lists('last', ['Empty']),
    lists('last', ['Stable', 'empty', 'nothing'], ['classic', 'consumer']),
    lists('last', [], ['nothing']),
    beats(4, saved('m'), saved('m generation', 1)),
  ]),
  rowScript('group-join-versions', [
    creates('t0'),
    ...[0, 1, 2, 3].flatMap((version) => [
      joins(version, '', { groupId: own(`v${version}`) }, { save: { old: 'memberId' } }),
      row('LeaveGroup', 1, { groupId: own(`v${version}`), memberId: saved('old') }),
    ]),
    ...[4, 5, 6, 7, 8, 9].map((version) => joins(version, '', { groupId: own(`v${version}`) })),
  ]),
  rowScript('group-join-refusals', [
    joins(9, '', { groupId: '' }),
    joins(9, '', { sessionTimeoutMs: 5_999 }),
    joins(9, '', { sessionTimeoutMs: 1_800_001 }),
    joins(9, '', { sessionTimeoutMs: -1 }),
    joins(9, '', { protocolType: '' }),
    joins(9, '', { protocols: [] }),
    joins(9, 'invented'),
    joins(2, 'invented'),
    ...joinsTwice('m'),
    syncs(5, 'm', saved('m generation', 1), ['m']),
    joins(9, '', { protocolType: 'connect' }),
    joins(9, '', { protocols: [{ name: 'other', metadata: subscription }] }),
    joins(9, 'invented'),
    row('SyncGroup', 5, {
      groupId: own('unknown'),
      generationId: 1,
      memberId: 'm',
      protocolType: 'consumer',
      protocolName: 'range',
      assignments: [],
    }),
    row('SyncGroup', 5, {
      groupId: g,
      generationId: 1,
      memberId: saved('m'),
      protocolType: 'connect',
      protocolName: 'range',
      assignments: [],
    }),
    row('SyncGroup', 5, {
      groupId: g,
      generationId: 1,
      memberId: saved('m'),
      protocolType: 'consumer',
      protocolName: 'other',
      assignments: [],
    }),
    row('SyncGroup', 5, {
      groupId: '',
      generationId: 1,
      memberId: 'm',
      protocolType: 'consumer',
      protocolName: 'range',
      assignments: [],
    }),
    beats(4, 'm', 1, { groupId: own('unknown') }),
    beats(4, 'm', 1, { groupId: '' }),
    row('LeaveGroup', 5, { groupId: own('unknown'), memberId: 'm', members: [{ memberId: 'm' }] }),
    row('LeaveGroup', 5, { groupId: '', memberId: 'm', members: [{ memberId: 'm' }] }),
    row('LeaveGroup', 5, { groupId: g, memberId: '', members: [] }),
  ]),
  rowScript('group-of-two', [
    creates('t0', { partitions: 2 }),
    ...joinsTwice('a'),
    syncs(5, 'a', saved('a generation', 1), ['a']),
    joins(9, '', {}, { on: 'b', save: { b: 'memberId' } }),
    joins(9, saved('b'), {}, { on: 'b', isHeld: true, save: { 'b generation': 'generationId' } }),
    row(
      'Heartbeat',
      4,
      { groupId: g, generationId: saved('a generation', 1), memberId: saved('a') },
      { afterMs: ARRIVAL_MS },
    ),
    joins(9, saved('a'), {}, { isHeld: true, save: { 'a generation': 'generationId' } }),
    describes(5, []),
    row('DescribeGroups', 5, { groups: [], includeAuthorizedOperations: false }, { meet: true }),
    describes(5),
    syncs(5, 'b', saved('b generation', 2), [], { on: 'b', isHeld: true }),
    syncs(5, 'a', saved('a generation', 2), ['a', 'b'], { isHeld: true }),
    row('DescribeGroups', 5, { groups: [], includeAuthorizedOperations: false }, { meet: true }),
    describes(5),
    beats(4, saved('b'), saved('b generation', 2)),
    leaves(5, saved('b')),
    beats(4, saved('a'), saved('a generation', 2)),
    commits(8, { memberId: saved('a'), generationIdOrMemberEpoch: saved('a generation', 2) }),
    leaves(3, '', [{ memberId: saved('a') }, { memberId: 'nobody' }, { memberId: '', groupInstanceId: 'nothing' }]),
    describes(5),
  ]),
  rowScript('group-held-join', [
    creates('t0'),
    ...joinsTwice('a'),
    syncs(5, 'a', saved('a generation', 1), ['a']),
    joins(9, '', {}, { on: 'b', save: { b: 'memberId' } }),
    joins(9, saved('b'), {}, { on: 'b', waitMs: HELD_MS }),
    beats(4, saved('a'), saved('a generation', 1)),
    commits(8, { memberId: saved('a'), generationIdOrMemberEpoch: saved('a generation', 1) }),
    describes(5),
  ]),
  rowScript('group-static-members', [
    creates('t0'),
    joins(9, '', { groupInstanceId: 'one' }, { save: { first: 'memberId', generation: 'generationId' } }),
    row('SyncGroup', 5, {
      groupId: g,
      generationId: saved('generation', 1),
      memberId: saved('first'),
      groupInstanceId: 'one',
      protocolType: 'consumer',
      protocolName: 'range',
      assignments: [{ memberId: saved('first'), assignment }],
    }),
    joins(9, '', { groupInstanceId: 'one' }, { save: { second: 'memberId' } }),
    row('SyncGroup', 5, {
      groupId: g,
      generationId: saved('generation', 1),
      memberId: saved('second'),
      groupInstanceId: 'one',
      protocolType: 'consumer',
      protocolName: 'range',
      assignments: [],
    }),
    beats(4, saved('first'), saved('generation', 1), { groupInstanceId: 'one' }),
    beats(4, saved('second'), saved('generation', 1), { groupInstanceId: 'one' }),
    beats(4, saved('second'), saved('generation', 1), { groupInstanceId: 'two' }),
    commits(8, { memberId: saved('first'), generationIdOrMemberEpoch: saved('generation', 1), groupInstanceId: 'one' }),
    commits(8, {
      memberId: saved('second'),
      generationIdOrMemberEpoch: saved('generation', 1),
      groupInstanceId: 'one',
    }),
    joins(9, saved('first'), { groupInstanceId: 'one' }),
    joins(4, ''),
    describes(5),
    leaves(5, '', [
      { memberId: 'wrong', groupInstanceId: 'one' },
      { memberId: '', groupInstanceId: 'two' },
    ]),
    leaves(5, '', [{ memberId: '', groupInstanceId: 'one' }]),
    describes(5),
  ]),
  rowScript('commits-without-group', [
    creates('t0', { partitions: 2 }),
    commits('each'),
    committed('each'),
    ...[2, 5, 6, 7, 8, 9, 10].map((version) => committed(version, {}, null)),
    committed(8, { requireStable: true }),
    commits(8, { generationIdOrMemberEpoch: 5, groupId: own('unknown') }),
    commits(9, { generationIdOrMemberEpoch: 5, groupId: own('unknown') }),
    commits(8, { generationIdOrMemberEpoch: -1, memberId: 'm', groupId: own('unknown') }),
    commits(8, {}, { committedMetadata: null }),
    committed(8),
    commits(8, {}, { committedMetadata: '' }),
    committed(8),
    commits(8, {}, { committedMetadata: 'x'.repeat(4096) }),
    commits(8, {}, { committedMetadata: 'x'.repeat(4097) }),
    commits(8, {}, { committedOffset: -1 }),
    commits(8, {}, { committedOffset: -5 }),
    commits(8, {}, { committedLeaderEpoch: 7 }),
    committed(8),
    commits(8, {}, { partitionIndex: 9 }),
    commits(8, {
      topics: [
        { name: own('missing'), partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }] },
      ],
    }),
    commits(8, { topics: [] }),
    commits(8, { topics: [{ name: own('t0'), partitions: [] }] }),
    committed(8, {
      groups: [
        { groupId: g, topics: null },
        { groupId: own('unknown'), topics: null },
        { groupId: '', topics: null },
      ],
    }),
    committed(8, { groups: [] }),
    committed(9, { groups: [{ groupId: g, memberId: 'm', memberEpoch: 3, topics: null }] }),
    committed(1, { groupId: own('unknown') }),
    committed(5, { groupId: '' }),
    committed(5, {}, [{ name: own('missing'), partitionIndexes: [0] }]),
    committed(5, {}, []),
    describes('each'),
    lists('last'),
  ]),
  rowScript('offset-delete', [
    creates('t0', { partitions: 2 }),
    commits(8),
    row('OffsetDelete', 0, {
      groupId: own('unknown'),
      topics: [{ name: own('t0'), partitions: [{ partitionIndex: 0 }] }],
    }),
    row('OffsetDelete', 0, { groupId: '', topics: [{ name: own('t0'), partitions: [{ partitionIndex: 0 }] }] }),
    row('OffsetDelete', 0, { groupId: g, topics: [{ name: own('t0'), partitions: [{ partitionIndex: 1 }] }] }),
    row('OffsetDelete', 0, { groupId: g, topics: [{ name: own('missing'), partitions: [{ partitionIndex: 0 }] }] }),
    row('OffsetDelete', 0, {
      groupId: g,
      topics: [{ name: own('t0'), partitions: [{ partitionIndex: 0 }, { partitionIndex: 9 }] }],
    }),
    committed(8),
    ...joinsTwice('m'),
    syncs(5, 'm', saved('m generation', 1), ['m']),
    row('OffsetDelete', 0, { groupId: g, topics: [{ name: own('t0'), partitions: [{ partitionIndex: 0 }] }] }),
    row('OffsetDelete', 0, { groupId: g, topics: [] }),
  ]),
  rowScript('delete-groups', [
    creates('t0'),
    commits(8),
    row('DeleteGroups', 'each', { groupsNames: [own('unknown')] }),
    row('DeleteGroups', 2, { groupsNames: [g, own('unknown'), ''] }),
    committed(8),
    describes(5),
    describes(6),
    ...joinsTwice('m'),
    row('DeleteGroups', 2, { groupsNames: [g] }),
    leaves(5, saved('m')),
    row('DeleteGroups', 2, { groupsNames: [g] }),
    row('DeleteGroups', 2, { groupsNames: [g] }),
    row('DeleteGroups', 2, { groupsNames: [] }),
    lists('last'),
  ]),
  rowScript('describe-unknown-groups', [
    describes('each', [own('unknown')]),
    describes('each', ['']),
    describes('each', []),
    row('ConsumerGroupDescribe', 'each', { groupIds: [own('unknown'), ''], includeAuthorizedOperations: true }),
    row('ConsumerGroupDescribe', 'each', { groupIds: [], includeAuthorizedOperations: false }),
  ]),
];

// ── KIP-848 ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function heartbeats(
  version: Row['version'],
  member: unknown,
  memberEpoch: unknown,
  more: Readonly<Record<string, unknown>> = {},
  options: RowOptions = {},
): Row {
  return row('ConsumerGroupHeartbeat', version, { groupId: g, memberId: member, memberEpoch, ...more }, options);
}

const MEMBER_A = 'AQAAAAAAAAAAAAAAAAAAAA';
const MEMBER_B = 'AgAAAAAAAAAAAAAAAAAAAA';
const joining = { rebalanceTimeoutMs: 60_000, subscribedTopicNames: [own('t0')], topicPartitions: [] };
const ownsAll = { topicPartitions: [{ topicId: saved('id of t0', ZERO_UUID), partitions: [0, 1] }] };
const describe848 = row('ConsumerGroupDescribe', 'each', { groupIds: [g], includeAuthorizedOperations: true });

export const consumerGroupScripts: readonly RowScript[] = [
  rowScript('consumer-group-of-one', [
    creates('t0', { partitions: 2 }),
    heartbeats(1, MEMBER_A, 0, joining, { save: { epoch: 'memberEpoch' } }),
    heartbeats(1, MEMBER_A, saved('epoch', 1)),
    heartbeats(1, MEMBER_A, saved('epoch', 1), ownsAll),
    describe848,
    describes('last'),
    lists('last', [], ['consumer']),
    commits('last', { memberId: MEMBER_A, generationIdOrMemberEpoch: saved('epoch', 1) }),
    commits(9, { memberId: MEMBER_A, generationIdOrMemberEpoch: saved('epoch', 1) }),
    commits(9, { memberId: MEMBER_A, generationIdOrMemberEpoch: 99 }),
    commits(8, { memberId: MEMBER_A, generationIdOrMemberEpoch: 99 }),
    commits(9, { memberId: 'nobody', generationIdOrMemberEpoch: saved('epoch', 1) }),
    commits(9),
    committed(9, { groups: [{ groupId: g, memberId: MEMBER_A, memberEpoch: saved('epoch', 1), topics: null }] }),
    committed(9, { groups: [{ groupId: g, memberId: MEMBER_A, memberEpoch: 77, topics: null }] }),
    committed(9, { groups: [{ groupId: g, memberId: 'nobody', memberEpoch: 1, topics: null }] }),
    committed('last', { groups: [{ groupId: g, memberId: MEMBER_A, memberEpoch: saved('epoch', 1), topics: null }] }),
    row('DeleteGroups', 2, { groupsNames: [g] }),
    heartbeats(1, MEMBER_A, -1),
    heartbeats(1, MEMBER_A, -1),
    describe848,
    row('DeleteGroups', 2, { groupsNames: [g] }),
  ]),
  rowScript('consumer-group-refusals', [
    creates('t0', { partitions: 2 }),
    heartbeats(1, '', 0, joining),
    heartbeats(0, '', 0, joining),
    heartbeats(1, MEMBER_A, 0, { ...joining, groupId: '' }),
    heartbeats(1, MEMBER_A, 0, { ...joining, topicPartitions: null }),
    heartbeats(1, MEMBER_A, 0, { ...joining, topicPartitions: [{ topicId: ZERO_UUID, partitions: [0] }] }),
    heartbeats(1, MEMBER_A, 0, { ...joining, rebalanceTimeoutMs: -1 }),
    heartbeats(1, MEMBER_A, 0, { ...joining, subscribedTopicNames: null }),
    heartbeats(1, MEMBER_A, 0, { ...joining, subscribedTopicNames: [], subscribedTopicRegex: '[' }),
    heartbeats(1, MEMBER_A, 0, { ...joining, serverAssignor: 'no-such' }),
    heartbeats(1, MEMBER_A, 0, { ...joining, serverAssignor: '' }),
    heartbeats(1, MEMBER_A, 0, { ...joining, instanceId: '' }),
    heartbeats(1, MEMBER_A, 0, { ...joining, rackId: '' }),
    heartbeats(1, MEMBER_A, -3, joining),
    heartbeats(1, MEMBER_A, 1, { groupId: own('unknown') }),
    heartbeats(1, MEMBER_A, -1, { groupId: own('unknown') }),
    heartbeats(1, MEMBER_A, -2, joining),
    heartbeats(1, MEMBER_A, 0, joining, { save: { epoch: 'memberEpoch' } }),
    heartbeats(1, 'nobody', 1),
    heartbeats(1, MEMBER_A, 99),
    heartbeats(1, MEMBER_A, -2),
    heartbeats(1, MEMBER_A, saved('epoch', 1), { topicPartitions: [{ topicId: ZERO_UUID, partitions: [4] }] }),
    heartbeats(1, MEMBER_A, saved('epoch', 1), { subscribedTopicNames: [own('missing')] }),
    joins(9, ''),
    beats(4, MEMBER_A, saved('epoch', 1)),
    leaves(5, MEMBER_A),
  ]),
  rowScript('consumer-group-assignors', [
    creates('t0', { partitions: 4 }),
    heartbeats(1, MEMBER_A, 0, { ...joining, serverAssignor: 'range' }, { save: { epoch: 'memberEpoch' } }),
    heartbeats(1, MEMBER_B, 0, { ...joining, serverAssignor: 'range' }, { save: { 'b epoch': 'memberEpoch' } }),
    heartbeats(1, MEMBER_A, saved('epoch', 1), {
      topicPartitions: [{ topicId: saved('id of t0', ZERO_UUID), partitions: [0, 1, 2, 3] }],
    }),
    heartbeats(
      1,
      MEMBER_A,
      saved('epoch', 1),
      { topicPartitions: [{ topicId: saved('id of t0', ZERO_UUID), partitions: [0, 1] }] },
      { save: { epoch: 'memberEpoch' } },
    ),
    heartbeats(1, MEMBER_B, saved('b epoch', 2), { topicPartitions: [] }, { save: { 'b epoch': 'memberEpoch' } }),
    describe848,
    heartbeats(1, MEMBER_A, -1),
    heartbeats(
      1,
      MEMBER_B,
      saved('b epoch', 2),
      { topicPartitions: [{ topicId: saved('id of t0', ZERO_UUID), partitions: [2, 3] }] },
      { save: { 'b epoch': 'memberEpoch' } },
    ),
    heartbeats(1, MEMBER_B, saved('b epoch', 3)),
    heartbeats(1, MEMBER_B, -1),
  ]),
  rowScript('consumer-group-static', [
    creates('t0', { partitions: 2 }),
    heartbeats(1, MEMBER_A, 0, { ...joining, instanceId: 'one' }, { save: { epoch: 'memberEpoch' } }),
    heartbeats(1, MEMBER_B, 0, { ...joining, instanceId: 'one' }),
    heartbeats(1, MEMBER_A, -2, { instanceId: 'one' }),
    heartbeats(1, MEMBER_B, 0, { ...joining, instanceId: 'one' }, { save: { epoch: 'memberEpoch' } }),
    heartbeats(1, MEMBER_A, saved('epoch', 1), { instanceId: 'one' }),
    heartbeats(1, MEMBER_B, saved('epoch', 1), { instanceId: 'two' }),
    describe848,
    heartbeats(1, MEMBER_B, -1, { instanceId: 'one' }),
  ]),
  rowScript('consumer-group-over-classic', [
    creates('t0', { partitions: 2 }),
    commits(8),
    heartbeats(1, MEMBER_A, 0, joining, { save: { epoch: 'memberEpoch' } }),
    describe848,
    committed(8),
    heartbeats(1, MEMBER_A, -1),
    joins(9, '', {}, { save: { m: 'memberId' } }),
    joins(9, saved('m'), {}, { save: { generation: 'generationId' } }),
    describes(5),
  ]),
];
