/**
 * The values that generated requests are made of, by the name of the field: ordinary ones, borderline ones and wrong ones.
 * A field that has no row here gets values of its kind. Ordinary values keep the brokers responsive: no waits longer than
 * some milliseconds, no settings that reach other sessions.
 */
import type { FieldKind } from '../../../src/protocol/fields.ts';
import { baseTimestampMs } from './batches.ts';
import { Learn, Named } from './symbols.ts';

export interface Pool {
  readonly apis?: RegExp;
  readonly path: RegExp;
  readonly valid: readonly unknown[];
  readonly edge?: readonly unknown[];
  readonly wrong?: readonly unknown[];
  /** Only these, whatever the mood: others would hurt other sessions or depend on time. */
  readonly isFixed?: boolean;
}

const INT32_MAX = 0x7fff_ffff;
const INT32_MIN = -0x8000_0000;
const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA';
const RANDOM_UUID = 'q1w2e3r4T5y6U7i8O9p0Aw';
const LONG_NAME = 'n'.repeat(250);

const topics = [new Named('t0'), new Named('t0'), new Named('t0'), new Named('t1'), new Named('t2')];
const wrongTopics = [new Named('missing'), '', '.', '..', 'a b', 'slash/name', LONG_NAME, new Named('ü')];
const groups = [new Named('g0'), new Named('g0'), new Named('g1')];
const transactions = [new Named('x0'), new Named('x0'), new Named('x1')];
const members = [new Learn('memberId', 0, ''), new Learn('memberId', 0, ''), new Learn('memberId', 1, '')];
const small = { edge: [-1, 0, 1, 2], wrong: [-2, INT32_MAX, INT32_MIN, 1000] };
const configNames = [
  'retention.ms',
  'segment.bytes',
  'cleanup.policy',
  'compression.type',
  'max.message.bytes',
  'min.insync.replicas',
  'message.timestamp.type',
];

export const pools: readonly Pool[] = [
  {
    path: /(^|\.)topicId$/,
    valid: [new Learn('topicId', 0, ZERO_UUID), new Learn('topicId', 1, ZERO_UUID)],
    edge: [new Learn('topicId', 2, ZERO_UUID)],
    wrong: [ZERO_UUID, RANDOM_UUID],
  },
  {
    apis: /^FindCoordinator$/,
    path: /^(?:key|coordinatorKeys\[\])$/,
    valid: [...groups, ...transactions],
    edge: [''],
  },
  { apis: /^FindCoordinator$/, path: /^keyType$/, valid: [0, 0, 1], edge: [2], wrong: [3, -1, 127] },
  {
    apis: /^CreateTopics$/,
    path: /^topics\[\]\.name$/,
    valid: [new Named('t2'), new Named('t3'), new Named('t4')],
    edge: [new Named('t0')],
    wrong: wrongTopics,
  },
  {
    apis: /^(?:CreateTopics)$/,
    path: /numPartitions$/,
    valid: [1, 2, 3],
    edge: [-1, 0],
    wrong: [-2, 20_000, INT32_MAX, INT32_MIN],
  },
  { path: /replicationFactor$/, valid: [1, 1, -1], edge: [0, 2], wrong: [-2, 32767, -32768] },
  {
    apis: /^CreatePartitions$/,
    path: /^topics\[\]\.count$/,
    valid: [3, 4],
    edge: [1, 2],
    wrong: [0, -1, INT32_MIN],
  },
  {
    apis: /^(?:CreateTopics|CreatePartitions|DeleteTopics|DeleteRecords|IncrementalAlterConfigs|AlterConfigs|ElectLeaders|AlterPartitionReassignments|ListPartitionReassignments)$/,
    path: /^timeoutMs$/,
    valid: [10_000],
    isFixed: true,
  },
  { path: /brokerIds\[\]$|replicas\[\]$/, valid: [1], edge: [2], wrong: [-1, INT32_MAX] },
  {
    apis: /^(?:OffsetCommit|OffsetFetch|OffsetDelete|TxnOffsetCommit|Produce|Fetch|ListOffsets|Metadata|OffsetForLeaderEpoch|DeleteRecords|DeleteTopics|DescribeTopicPartitions|CreatePartitions|AddPartitionsToTxn|DescribeProducers|DescribeLogDirs|ElectLeaders|AlterPartitionReassignments|ListPartitionReassignments|DescribeShareGroupOffsets|AlterShareGroupOffsets|DeleteShareGroupOffsets|AlterReplicaLogDirs)$/,
    path: /(?:(?:topics|forgottenTopics|topicPartitions|topicNames|v3AndBelowTopics)\[\](?:\.(?:name|topic|topicName))?)$/,
    valid: topics,
    edge: [new Named('missing')],
    wrong: wrongTopics,
  },
  { path: /topicName$|subscribedTopicNames\[\]$/, valid: topics, edge: [new Named('missing')], wrong: wrongTopics },
  {
    path: /(?:partitionIndex|partitionIndexes\[\]|partitions\[\]|\.partition|partitionId)$/,
    valid: [0, 0, 0, 1],
    edge: [2, 3],
    wrong: [-1, INT32_MAX, INT32_MIN],
  },
  {
    path: /(?:groupId|groups\[\]|groupsNames\[\]|groupIds\[\])$/,
    valid: groups,
    edge: [new Named('unknown')],
  },
  {
    path: /transactionalIdFilters\[\]$|transactionalIds\[\]$/,
    valid: transactions,
    edge: [new Named('unknown')],
    wrong: [''],
  },
  {
    apis: /^Produce$/,
    path: /^transactionalId$/,
    valid: [null, null, null, new Named('x0')],
    edge: [''],
    wrong: [new Named('unknown')],
  },
  {
    apis: /^InitProducerId$/,
    path: /^transactionalId$/,
    valid: [null, ...transactions],
    edge: [''],
  },
  { path: /transactionalId$/, valid: transactions, edge: [new Named('unknown')], wrong: [''] },
  {
    apis: /^InitProducerId$/,
    path: /^producerId$/,
    valid: [-1, -1, -1, new Learn('producerId', 0, -1)],
    edge: [0],
    wrong: [-2, 1_000_000],
  },
  {
    apis: /^InitProducerId$/,
    path: /^producerEpoch$/,
    valid: [-1, -1, -1, new Learn('producerEpoch', 0, -1)],
    edge: [0, 1],
    wrong: [-2, 32767],
  },
  {
    path: /producerId$/,
    valid: [new Learn('producerId', 0, -1)],
    edge: [new Learn('producerId', 1, -1), -1],
    wrong: [1_000_000, -2],
  },
  { path: /producerEpoch$/, valid: [new Learn('producerEpoch', 0, 0)], edge: [0, 1, -1], wrong: [-2, 32767] },
  { path: /transactionTimeoutMs$/, valid: [60_000], edge: [900_000, 1], wrong: [0, -1, 900_001, INT32_MAX] },
  { path: /memberId$/, valid: members, edge: ['', new Named('member')], wrong: ['no-such-member'] },
  {
    path: /generationId(?:OrMemberEpoch)?$/,
    valid: [new Learn('generationId', 0, 1)],
    edge: [-1, 0, 1, 2],
    wrong: [-2, INT32_MAX],
  },
  {
    path: /memberEpoch$/,
    valid: [0, new Learn('memberEpoch', 0, 0), new Learn('memberEpoch', 0, 0)],
    edge: [-1, -2, 1],
    wrong: [-3, INT32_MAX],
  },
  {
    path: /(?:groupInstanceId|instanceId)$/,
    valid: [null, null, null, new Named('i0')],
    edge: [''],
    wrong: [LONG_NAME],
  },
  { path: /protocolType$/, valid: ['consumer'], edge: ['', 'connect'], wrong: ['no-such-type'] },
  {
    apis: /^(?:JoinGroup|SyncGroup)$/,
    path: /protocolName$|protocols\[\]\.name$/,
    valid: ['range', 'range', 'roundrobin'],
    edge: [''],
    wrong: ['no-such-protocol'],
  },
  {
    path: /protocols\[\]\.metadata$/,
    valid: [Buffer.from('0001000000010002743000000000ffffffff', 'hex')],
    edge: [new Uint8Array(0)],
    wrong: [Buffer.from('ff', 'hex')],
  },
  {
    path: /assignments\[\]\.assignment$/,
    valid: [Buffer.from('000100000001000274300000000100000000ffffffff', 'hex')],
    edge: [new Uint8Array(0)],
  },
  { path: /sessionTimeoutMs$/, valid: [60_000], edge: [6_000, 1_800_000], wrong: [0, -1, 5_999, 1_800_001, INT32_MAX] },
  { path: /rebalanceTimeoutMs$/, valid: [60_000], edge: [-1, 60_000], wrong: [0, -2] },
  { path: /serverAssignor$/, valid: [null, 'uniform', 'range'], edge: [''], wrong: ['no-such-assignor'] },
  { path: /subscribedTopicRegex$/, valid: [null, null, new Named('t.*')], edge: ['', '.*nothing'], wrong: ['[', '('] },
  { apis: /^Fetch$/, path: /^maxWaitMs$/, valid: [0, 5], edge: [20], wrong: [-1] },
  { apis: /^ShareFetch$/, path: /^maxWaitMs$/, valid: [5, 10], edge: [0], wrong: [-1] },
  { path: /^minBytes$/, valid: [0, 1], edge: [100_000], wrong: [-1, INT32_MAX] },
  { path: /^maxBytes$/, valid: [1_048_576, INT32_MAX], edge: [0, 1, 100] },
  { path: /partitionMaxBytes$/, valid: [1_048_576], edge: [0, 1, 100], wrong: [INT32_MAX] },
  {
    path: /(?:fetchOffset|committedOffset|\.offset|startOffset)$/,
    valid: [0, 0, 1, 2],
    edge: [-1, 3, 5, 10, -2],
    wrong: [1_000_000, -100, Number.MAX_SAFE_INTEGER],
  },
  {
    apis: /^ListOffsets$/,
    path: /timestamp$/,
    valid: [-1, -2, -3, baseTimestampMs, baseTimestampMs + 1],
    edge: [0, -4, -5, -6, baseTimestampMs + 10, baseTimestampMs - 1],
    wrong: [-7, -100, Number.MAX_SAFE_INTEGER],
  },
  { apis: /^ListOffsets$/, path: /^timeoutMs$/, valid: [1_000], isFixed: true },
  { apis: /^Produce$/, path: /^timeoutMs$/, valid: [1_000], edge: [0, 1], wrong: [-1, INT32_MIN] },
  { apis: /^Produce$/, path: /^acks$/, valid: [-1, -1, 1], edge: [0], wrong: [2, -2, 32767] },
  {
    path: /(?:currentLeaderEpoch|leaderEpoch|committedLeaderEpoch)$/,
    valid: [-1, -1, 0],
    edge: [0, 1],
    wrong: [INT32_MAX],
  },
  {
    apis: /^Fetch$/,
    path: /^sessionId$/,
    valid: [0, 0, new Learn('sessionId', 0, 0)],
    edge: [1],
    wrong: [-1, 123_456],
  },
  { apis: /^Fetch$/, path: /^sessionEpoch$/, valid: [-1, -1, 0, 1], edge: [1, 2], wrong: [-2, INT32_MAX] },
  { path: /shareSessionEpoch$/, valid: [0, 1, 2], edge: [-1, 3], wrong: [-2, INT32_MAX] },
  { path: /isolationLevel$/, valid: [0, 1], isFixed: true },
  { path: /replicaId$|lastFetchedEpoch$/, valid: [-1], isFixed: true },
  { path: /replicaState|replicaDirectoryId|highWatermark$|clusterId$/, valid: [undefined], isFixed: true },
  { path: /logStartOffset$/, valid: [-1], edge: [0] },
  { path: /rackId$/, valid: ['', null], edge: ['rack'] },
  { path: /committedMetadata$/, valid: ['', null, 'note'], edge: ['m'.repeat(4096)], wrong: ['m'.repeat(4097)] },
  { path: /retentionTimeMs$/, valid: [-1], edge: [0, 60_000], wrong: [-2] },
  { apis: /^DescribeConfigs$/, path: /resourceType$/, valid: [2, 2, 4, 32], edge: [8, 16], wrong: [0, 1, 3, 99] },
  {
    apis: /^(?:IncrementalAlterConfigs|AlterConfigs)$/,
    path: /resourceType$/,
    valid: [2, 2, 2, 32],
    edge: [],
    wrong: [0, 1, 3, 99],
  },
  {
    path: /resourceName$/,
    valid: [new Named('t0'), new Named('t1'), new Named('g0')],
    edge: ['1', ''],
    wrong: [new Named('missing'), '99', 'a b'],
  },
  { path: /resourceTypes\[\]$/, valid: [2, 32], edge: [4, 8, 16], wrong: [0, 99] },
  { path: /configOperation$/, valid: [0, 0, 1], edge: [2, 3], wrong: [4, -1] },
  {
    path: /(?:configs\[\]\.name|configurationKeys\[\])$/,
    valid: configNames,
    edge: ['consumer.session.timeout.ms', 'share.auto.offset.reset'],
    wrong: ['', 'no.such.setting'],
  },
  {
    path: /configs\[\]\.value$/,
    valid: ['100000', 'compact', 'delete', 'lz4', 'producer', '1', 'CreateTime'],
    edge: ['-1', '0', '', 'compact,delete', '60000'],
    wrong: [null, 'abc', '1.5', '99999999999999999999', ' 1000 '],
  },
  {
    apis: /^ApiVersions$/,
    path: /clientSoftwareName$/,
    valid: ['conformance'],
    edge: ['a', 'a-b.c'],
    wrong: ['', 'a b', '-a', 'ü'],
  },
  {
    apis: /^ApiVersions$/,
    path: /clientSoftwareVersion$/,
    valid: ['1.0'],
    edge: ['1', '1.0-rc.1'],
    wrong: ['', '1 0', '.1', 'ü'],
  },
  { apis: /^Metadata$/, path: /allowAutoTopicCreation$/, valid: [false], edge: [false, true] },
  {
    apis: /^DescribeTopicPartitions$/,
    path: /^responsePartitionLimit$/,
    valid: [2000, 1],
    edge: [0, 2],
    wrong: [-1, INT32_MAX],
  },
  {
    apis: /^DescribeTopicPartitions$/,
    path: /^cursor$/,
    valid: [null],
    edge: [{ topicName: new Named('t0'), partitionIndex: 1 }],
    wrong: [{ topicName: '', partitionIndex: -1 }],
  },
  { apis: /^DescribeCluster$/, path: /endpointType$/, valid: [1], edge: [2], wrong: [0, 3] },
  { apis: /^UpdateFeatures$/, path: /^validateOnly$/, valid: [true], isFixed: true },
  {
    apis: /^UpdateFeatures$/,
    path: /feature$/,
    valid: ['transaction.version', 'group.version', 'share.version'],
    wrong: ['', 'no.such.feature'],
  },
  { apis: /^AlterClientQuotas$/, path: /entityName$/, valid: [new Named('user'), new Named('client')], isFixed: true },
  { path: /entityType$/, valid: ['user', 'client-id'], edge: ['ip'], wrong: ['', 'no-such-type'] },
  {
    apis: /^(?:Alter|Describe)ClientQuotas$/,
    path: /(?:match|entityName)$/,
    valid: [new Named('user'), new Named('client')],
    edge: [null, ''],
  },
  { apis: /^DescribeClientQuotas$/, path: /matchType$/, valid: [0], edge: [1, 2], wrong: [3, -1] },
  {
    apis: /^AlterClientQuotas$/,
    path: /ops\[\]\.key$/,
    valid: ['producer_byte_rate', 'consumer_byte_rate', 'request_percentage', 'controller_mutation_rate'],
    wrong: ['', 'no_such_quota'],
  },
  { apis: /^AlterClientQuotas$/, path: /ops\[\]\.value$/, valid: [1e9, 1e8], edge: [1, 0], wrong: [-1, 0.5] },
  { path: /acknowledgeTypes\[\]$/, valid: [1, 2, 3], edge: [0, 4], wrong: [-1, 127] },
  { path: /statesFilter\[\]$/, valid: ['Stable', 'Empty'], edge: ['stable', 'Dead'], wrong: ['', 'NoSuchState'] },
  { path: /typesFilter\[\]$/, valid: ['classic', 'consumer'], edge: ['share', 'Consumer'], wrong: ['', 'nothing'] },
  { path: /stateFilters\[\]$/, valid: ['Ongoing', 'Empty', 'CompleteCommit'], wrong: ['', 'NoSuchState'] },
  { path: /durationFilter$/, valid: [-1], edge: [0], isFixed: true },
  { path: /producerIdFilters\[\]$/, valid: [new Learn('producerId', 0, 7)], edge: [-1] },
  { path: /transactionalIdPattern$/, valid: [null, new Named('x.*')], edge: ['', '.*'], wrong: ['['] },
  { path: /electionType$/, valid: [0, 1], wrong: [2, -1] },
  { path: /reason$/, valid: [null, 'a reason'], edge: [''] },
  { apis: /^SaslHandshake$/, path: /mechanism$/, valid: ['PLAIN'], wrong: ['', 'NOTHING'] },
  { apis: /^AlterUserScramCredentials$/, path: /mechanism$/, valid: [1, 2], edge: [0], wrong: [3, -1] },
  {
    apis: /^(?:Alter|Describe)UserScramCredentials$/,
    path: /name$/,
    valid: [new Named('one'), new Named('two')],
    edge: [''],
    isFixed: true,
  },
  {
    apis: /^AlterUserScramCredentials$/,
    path: /iterations$/,
    valid: [4096, 8192],
    edge: [16_384],
    wrong: [0, 4095, 16_385],
  },
];

export const kindEdges: Readonly<Record<FieldKind, readonly unknown[]>> = {
  int8: [0, 1, -1, 127, -128],
  int16: [0, 1, -1, 32767, -32768],
  int32: [...small.edge, ...small.wrong],
  int64: [0, 1, -1, -2, Number.MAX_SAFE_INTEGER],
  clampedInt64: [0, 1, -1, -2, Number.MAX_SAFE_INTEGER],
  wideInt64: [0n, 1n, -1n],
  uint16: [0, 1, 65535],
  uint32: [0, 1, 4294967295],
  float64: [0, 1, -1, 0.5],
  boolean: [true, false],
  string: ['', 'x', 'a b', LONG_NAME, new Named('other')],
  bytes: [new Uint8Array(0), Buffer.from('00', 'hex'), Buffer.from('00010203ff', 'hex')],
  records: [null],
  uuid: [ZERO_UUID, RANDOM_UUID],
  array: [[]],
  struct: [],
};
