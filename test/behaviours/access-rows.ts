/**
 * What each API needs a client to be allowed, as Apache Kafka 4.3 documents and does it: written down here a second time and
 * on purpose, so that the table test compares two statements. A row is a request, the sets of rights of which one is
 * enough, and the code that is told where a right is missing.
 */
import {
  CLUSTER_NAME,
  OPERATION_ALTER,
  OPERATION_ALTER_CONFIGS,
  OPERATION_CLUSTER_ACTION,
  OPERATION_CREATE,
  OPERATION_DELETE,
  OPERATION_DESCRIBE,
  OPERATION_DESCRIBE_CONFIGS,
  OPERATION_IDEMPOTENT_WRITE,
  OPERATION_READ,
  OPERATION_WRITE,
  RESOURCE_CLUSTER,
  RESOURCE_GROUP,
  RESOURCE_TOPIC,
  RESOURCE_TRANSACTIONAL_ID,
} from '../../src/protocol/acl.ts';
import type { Api } from '../../src/protocol/api.ts';
import { errorCode } from '../../src/protocol/errors.ts';
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { fetch } from '../../src/protocol/schemas/01-fetch.ts';
import { listOffsets } from '../../src/protocol/schemas/02-list-offsets.ts';
import { metadata } from '../../src/protocol/schemas/03-metadata.ts';
import { offsetCommit } from '../../src/protocol/schemas/08-offset-commit.ts';
import { offsetFetch } from '../../src/protocol/schemas/09-offset-fetch.ts';
import { findCoordinator } from '../../src/protocol/schemas/10-find-coordinator.ts';
import { joinGroup } from '../../src/protocol/schemas/11-join-group.ts';
import { heartbeat } from '../../src/protocol/schemas/12-heartbeat.ts';
import { leaveGroup } from '../../src/protocol/schemas/13-leave-group.ts';
import { syncGroup } from '../../src/protocol/schemas/14-sync-group.ts';
import { describeGroups } from '../../src/protocol/schemas/15-describe-groups.ts';
import { createTopics } from '../../src/protocol/schemas/19-create-topics.ts';
import { deleteTopics } from '../../src/protocol/schemas/20-delete-topics.ts';
import { deleteRecords } from '../../src/protocol/schemas/21-delete-records.ts';
import { initProducerId } from '../../src/protocol/schemas/22-init-producer-id.ts';
import { offsetForLeaderEpoch } from '../../src/protocol/schemas/23-offset-for-leader-epoch.ts';
import { addPartitionsToTxn } from '../../src/protocol/schemas/24-add-partitions-to-txn.ts';
import { addOffsetsToTxn } from '../../src/protocol/schemas/25-add-offsets-to-txn.ts';
import { endTxn } from '../../src/protocol/schemas/26-end-txn.ts';
import { writeTxnMarkers } from '../../src/protocol/schemas/27-write-txn-markers.ts';
import { txnOffsetCommit } from '../../src/protocol/schemas/28-txn-offset-commit.ts';
import { describeAcls } from '../../src/protocol/schemas/29-describe-acls.ts';
import { createAcls } from '../../src/protocol/schemas/30-create-acls.ts';
import { deleteAcls } from '../../src/protocol/schemas/31-delete-acls.ts';
import { describeConfigs } from '../../src/protocol/schemas/32-describe-configs.ts';
import { alterConfigs } from '../../src/protocol/schemas/33-alter-configs.ts';
import { alterReplicaLogDirs } from '../../src/protocol/schemas/34-alter-replica-log-dirs.ts';
import { describeLogDirs } from '../../src/protocol/schemas/35-describe-log-dirs.ts';
import { createPartitions } from '../../src/protocol/schemas/37-create-partitions.ts';
import { deleteGroups } from '../../src/protocol/schemas/42-delete-groups.ts';
import { electLeaders } from '../../src/protocol/schemas/43-elect-leaders.ts';
import { incrementalAlterConfigs } from '../../src/protocol/schemas/44-incremental-alter-configs.ts';
import { alterPartitionReassignments } from '../../src/protocol/schemas/45-alter-partition-reassignments.ts';
import { listPartitionReassignments } from '../../src/protocol/schemas/46-list-partition-reassignments.ts';
import { offsetDelete } from '../../src/protocol/schemas/47-offset-delete.ts';
import { describeClientQuotas } from '../../src/protocol/schemas/48-describe-client-quotas.ts';
import { alterClientQuotas } from '../../src/protocol/schemas/49-alter-client-quotas.ts';
import { describeUserScramCredentials } from '../../src/protocol/schemas/50-describe-user-scram-credentials.ts';
import { alterUserScramCredentials } from '../../src/protocol/schemas/51-alter-user-scram-credentials.ts';
import { describeQuorum } from '../../src/protocol/schemas/55-describe-quorum.ts';
import { updateFeatures } from '../../src/protocol/schemas/57-update-features.ts';
import { describeProducers } from '../../src/protocol/schemas/61-describe-producers.ts';
import { describeTransactions } from '../../src/protocol/schemas/65-describe-transactions.ts';
import { consumerGroupHeartbeat } from '../../src/protocol/schemas/68-consumer-group-heartbeat.ts';
import { consumerGroupDescribe } from '../../src/protocol/schemas/69-consumer-group-describe.ts';
import { listConfigResources } from '../../src/protocol/schemas/74-list-config-resources.ts';
import { describeTopicPartitions } from '../../src/protocol/schemas/75-describe-topic-partitions.ts';
import { shareGroupHeartbeat } from '../../src/protocol/schemas/76-share-group-heartbeat.ts';
import { shareGroupDescribe } from '../../src/protocol/schemas/77-share-group-describe.ts';
import { shareFetch } from '../../src/protocol/schemas/78-share-fetch.ts';
import { shareAcknowledge } from '../../src/protocol/schemas/79-share-acknowledge.ts';
import { describeShareGroupOffsets } from '../../src/protocol/schemas/90-describe-share-group-offsets.ts';
import { alterShareGroupOffsets } from '../../src/protocol/schemas/91-alter-share-group-offsets.ts';
import { deleteShareGroupOffsets } from '../../src/protocol/schemas/92-delete-share-group-offsets.ts';
import { batchOf, type Topic } from '../support/simulated-deeds.ts';

export interface Right {
  readonly operation: number;
  readonly resourceType: number;
  readonly name: string;
}

export interface AccessRow {
  readonly name: string;
  readonly api: Api;
  readonly version: number;
  readonly request: unknown;
  /** Each is enough. */
  readonly sets: readonly (readonly Right[])[];
  /** With no rights at all. */
  readonly code: number;
}

export const GROUP = 'readers';
export const SHARE_GROUP = 'sharers';
export const TXN = 'payments';
const MEMBER = 'AAAAAAAAAAAAAAAAAAAAAA';

const cluster = (operation: number): Right => ({ operation, resourceType: RESOURCE_CLUSTER, name: CLUSTER_NAME });
const onTopic = (operation: number, name = 't'): Right => ({ operation, resourceType: RESOURCE_TOPIC, name });
const onGroup = (operation: number, name = GROUP): Right => ({ operation, resourceType: RESOURCE_GROUP, name });
const onTxn = (operation: number): Right => ({ operation, resourceType: RESOURCE_TRANSACTIONAL_ID, name: TXN });

const TOPIC_CODE = errorCode.TOPIC_AUTHORIZATION_FAILED;
const GROUP_CODE = errorCode.GROUP_AUTHORIZATION_FAILED;
const CLUSTER_CODE = errorCode.CLUSTER_AUTHORIZATION_FAILED;
const TXN_CODE = errorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED;

const producer = { producerId: 77, producerEpoch: 0 };
const filter = {
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  patternTypeFilter: 1,
  principalFilter: 'User:nobody',
  hostFilter: null,
  operation: 1,
  permissionType: 1,
};

/**
 * In this order, because some need what those before them did: the group that committed offsets, the share session that
 * was begun. `topic` is there, with one partition and the name t.
 */
export function accessRows(topic: Topic): readonly AccessRow[] {
  const rows: AccessRow[] = [];
  const row: Row = (name, api, version, request, code, ...sets) => {
    rows.push({ name, api, version, request, code, sets });
  };
  dataRows(row, topic.id);
  topicRows(row);
  groupRows(row, topic.id);
  transactionRows(row);
  clusterRows(row);
  shareRows(row, topic.id);
  return rows;
}

type Row = <Request, Input>(
  name: string,
  api: Api<Request, Input>,
  version: number,
  request: Input,
  code: number,
  ...sets: readonly Right[][]
) => void;

function dataRows(row: Row, topicId: string): void {
  const records = batchOf();
  const named = [{ name: 't', partitions: [{ partitionIndex: 0, records }] }];
  const byId = [{ topicId, partitions: [{ partitionIndex: 0, records }] }];
  const write = onTopic(OPERATION_WRITE);
  row('by name', produce, 9, { acks: -1, timeoutMs: 1000, topics: named }, TOPIC_CODE, [write]);
  row('by id', produce, 13, { acks: -1, timeoutMs: 1000, topics: byId }, TOPIC_CODE, [write]);
  const missing = [{ name: 'missing', partitions: [{ partitionIndex: 0, records }] }];
  row('of a topic that is not there', produce, 9, { acks: -1, timeoutMs: 1000, topics: missing }, TOPIC_CODE, [
    onTopic(OPERATION_WRITE, 'missing'),
  ]);
  const transactional = batchOf({ isTransactional: true, producerId: 77, producerEpoch: 0, baseSequence: 0 });
  row(
    'in a transaction',
    produce,
    9,
    {
      transactionalId: TXN,
      acks: -1,
      timeoutMs: 1000,
      topics: [{ name: 't', partitions: [{ partitionIndex: 0, records: transactional }] }],
    },
    TXN_CODE,
    [write, onTxn(OPERATION_WRITE)],
  );
  const wish = { partitionIndex: 0, fetchOffset: 0, partitionMaxBytes: 1000, currentLeaderEpoch: -1 };
  const waits = { maxWaitMs: 0, minBytes: 1 };
  const read = onTopic(OPERATION_READ);
  row('by name', fetch, 12, { ...waits, topics: [{ name: 't', partitions: [wish] }] }, TOPIC_CODE, [read]);
  row('by id', fetch, 13, { ...waits, topics: [{ topicId, partitions: [wish] }] }, TOPIC_CODE, [read]);
  row(
    'of a topic that is not there',
    fetch,
    12,
    { ...waits, topics: [{ name: 'missing', partitions: [wish] }] },
    TOPIC_CODE,
    [onTopic(OPERATION_READ, 'missing')],
  );
  row('by a follower', fetch, 12, { ...waits, replicaId: 2, topics: [{ name: 't', partitions: [wish] }] }, TOPIC_CODE, [
    cluster(OPERATION_CLUSTER_ACTION),
  ]);
  const asked = [{ name: 't', partitions: [{ partitionIndex: 0, timestamp: -1 }] }];
  const see = onTopic(OPERATION_DESCRIBE);
  row('', listOffsets, 7, { isolationLevel: 0, topics: asked }, TOPIC_CODE, [see]);
  const epochs = [{ name: 't', partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, leaderEpoch: 0 }] }];
  row('', offsetForLeaderEpoch, 4, { topics: epochs }, TOPIC_CODE, [see], [cluster(OPERATION_CLUSTER_ACTION)]);
}

function topicRows(row: Row): void {
  const see = onTopic(OPERATION_DESCRIBE);
  const quiet = { allowAutoTopicCreation: false };
  row('of a topic', metadata, 12, { topics: [{ name: 't' }], ...quiet }, TOPIC_CODE, [see]);
  const made = [{ name: 'made', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }];
  row(
    'that makes a topic',
    metadata,
    12,
    { topics: [{ name: 'auto' }], allowAutoTopicCreation: true },
    TOPIC_CODE,
    [onTopic(OPERATION_DESCRIBE, 'auto'), onTopic(OPERATION_CREATE, 'auto')],
    [onTopic(OPERATION_DESCRIBE, 'auto'), cluster(OPERATION_CREATE)],
  );
  row(
    '',
    createTopics,
    7,
    { topics: made, validateOnly: true },
    TOPIC_CODE,
    [onTopic(OPERATION_CREATE, 'made')],
    [cluster(OPERATION_CREATE)],
  );
  row(
    'by name',
    deleteTopics,
    6,
    { topics: [{ name: 'gone', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }], timeoutMs: 1000 },
    TOPIC_CODE,
    [onTopic(OPERATION_DELETE, 'gone')],
    [cluster(OPERATION_DELETE)],
  );
  const first = [{ name: 't', partitions: [{ partitionIndex: 0, offset: 0 }] }];
  row('', deleteRecords, 2, { topics: first, timeoutMs: 1000 }, TOPIC_CODE, [onTopic(OPERATION_DELETE)]);
  const grown = [{ name: 't', count: 2, assignments: null }];
  row('', createPartitions, 3, { topics: grown, timeoutMs: 1000, validateOnly: true }, TOPIC_CODE, [
    onTopic(OPERATION_ALTER),
  ]);
  row('', describeProducers, 0, { topics: [{ name: 't', partitionIndexes: [0] }] }, TOPIC_CODE, [
    onTopic(OPERATION_READ),
  ]);
  row('', describeTopicPartitions, 0, { topics: [{ name: 't' }], responsePartitionLimit: 10 }, TOPIC_CODE, [see]);
  configRows(row);
}

function configRows(row: Row): void {
  const resources = [
    { resourceType: 2, resourceName: 't', right: 'topic', code: TOPIC_CODE },
    { resourceType: 4, resourceName: '1', right: 'cluster', code: CLUSTER_CODE },
    { resourceType: 32, resourceName: GROUP, right: 'group', code: GROUP_CODE },
  ] as const;
  const rightOf = { topic: onTopic, cluster, group: onGroup };
  for (const { resourceType, resourceName, right, code } of resources) {
    const resource = { resourceType, resourceName };
    const of = rightOf[right];
    row(`of a ${right}`, describeConfigs, 4, { resources: [{ ...resource, configurationKeys: null }] }, code, [
      of(OPERATION_DESCRIBE_CONFIGS),
    ]);
    row(`of a ${right}`, alterConfigs, 2, { resources: [{ ...resource, configs: [] }], validateOnly: true }, code, [
      of(OPERATION_ALTER_CONFIGS),
    ]);
    row(
      `of a ${right}`,
      incrementalAlterConfigs,
      1,
      { resources: [{ ...resource, configs: [] }], validateOnly: true },
      code,
      [of(OPERATION_ALTER_CONFIGS)],
    );
  }
}

function groupRows(row: Row, topicId: string): void {
  const read = onGroup(OPERATION_READ);
  const see = onGroup(OPERATION_DESCRIBE);
  const seeTopic = onTopic(OPERATION_DESCRIBE);
  const committed = [{ partitionIndex: 0, committedOffset: 0, committedLeaderEpoch: -1, committedMetadata: null }];
  const claim = { groupId: GROUP, generationIdOrMemberEpoch: -1, memberId: '' };
  const readTopic = onTopic(OPERATION_READ);
  row('', offsetCommit, 8, { ...claim, topics: [{ name: 't', partitions: committed }] }, GROUP_CODE, [read, readTopic]);
  row('by id', offsetCommit, 10, { ...claim, topics: [{ name: '', topicId, partitions: committed }] }, GROUP_CODE, [
    read,
    readTopic,
  ]);
  const groups = [{ groupId: GROUP, memberId: null, memberEpoch: -1, topics: [{ name: 't', partitionIndexes: [0] }] }];
  row('', offsetFetch, 8, { groupId: '', topics: [], groups }, GROUP_CODE, [see, seeTopic]);
  row('of a group', findCoordinator, 4, { keyType: 0, coordinatorKeys: [GROUP] }, GROUP_CODE, [see]);
  row('of a transaction', findCoordinator, 4, { keyType: 1, coordinatorKeys: [TXN] }, TXN_CODE, [
    onTxn(OPERATION_DESCRIBE),
  ]);
  const shareKey = `${SHARE_GROUP}:${topicId}:0`;
  row('of a share partition', findCoordinator, 6, { keyType: 2, coordinatorKeys: [shareKey] }, CLUSTER_CODE, [
    cluster(OPERATION_CLUSTER_ACTION),
  ]);
  const member = { groupId: GROUP, memberId: 'nobody', generationId: 1 };
  const join = { groupId: GROUP, sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000, memberId: 'nobody' };
  row('', joinGroup, 5, { ...join, protocolType: 'consumer', protocols: [] }, GROUP_CODE, [read]);
  row('', heartbeat, 4, member, GROUP_CODE, [read]);
  row('', leaveGroup, 2, { groupId: GROUP, memberId: 'nobody', members: [] }, GROUP_CODE, [read]);
  row('', syncGroup, 3, { ...member, assignments: [] }, GROUP_CODE, [read]);
  row('', describeGroups, 5, { groups: [GROUP], includeAuthorizedOperations: true }, GROUP_CODE, [see]);
  const forgotten = [{ name: 't', partitions: [{ partitionIndex: 0 }] }];
  row('', offsetDelete, 0, { groupId: GROUP, topics: forgotten }, GROUP_CODE, [
    onGroup(OPERATION_DELETE),
    onTopic(OPERATION_READ),
  ]);
  row('', deleteGroups, 2, { groupsNames: [GROUP] }, GROUP_CODE, [onGroup(OPERATION_DELETE)]);
  row(
    '',
    consumerGroupHeartbeat,
    1,
    {
      groupId: 'newer',
      memberId: MEMBER,
      memberEpoch: 0,
      rebalanceTimeoutMs: 1000,
      subscribedTopicNames: ['t'],
      topicPartitions: [],
    },
    GROUP_CODE,
    [onGroup(OPERATION_READ, 'newer'), seeTopic],
  );
  row('', consumerGroupDescribe, 1, { groupIds: [GROUP], includeAuthorizedOperations: true }, GROUP_CODE, [see]);
}

function transactionRows(row: Row): void {
  const write = onTxn(OPERATION_WRITE);
  const readGroup = onGroup(OPERATION_READ);
  const init = { transactionTimeoutMs: 1000, producerId: -1, producerEpoch: -1 };
  row('of a transaction', initProducerId, 4, { ...init, transactionalId: TXN }, TXN_CODE, [write]);
  row(
    'without one',
    initProducerId,
    4,
    { ...init, transactionalId: null },
    CLUSTER_CODE,
    [cluster(OPERATION_IDEMPOTENT_WRITE)],
    [onTopic(OPERATION_WRITE)],
  );
  const topics = [{ name: 't', partitions: [0] }];
  row(
    'by a client',
    addPartitionsToTxn,
    3,
    {
      transactions: [],
      v3AndBelowTransactionalId: TXN,
      v3AndBelowProducerId: 77,
      v3AndBelowProducerEpoch: 0,
      v3AndBelowTopics: topics,
    },
    TXN_CODE,
    [write, onTopic(OPERATION_WRITE)],
  );
  row(
    'by a broker',
    addPartitionsToTxn,
    5,
    {
      transactions: [{ transactionalId: TXN, ...producer, verifyOnly: true, topics }],
      v3AndBelowTransactionalId: '',
      v3AndBelowProducerId: 0,
      v3AndBelowProducerEpoch: 0,
      v3AndBelowTopics: [],
    },
    CLUSTER_CODE,
    [cluster(OPERATION_CLUSTER_ACTION)],
  );
  row('', addOffsetsToTxn, 3, { transactionalId: TXN, ...producer, groupId: GROUP }, TXN_CODE, [write, readGroup]);
  row('', endTxn, 4, { transactionalId: TXN, ...producer, committed: true }, TXN_CODE, [write]);
  const marker = { ...producer, transactionResult: true, coordinatorEpoch: 0 };
  row(
    '',
    writeTxnMarkers,
    1,
    { markers: [{ ...marker, topics: [{ name: 'missing', partitionIndexes: [0] }] }] },
    CLUSTER_CODE,
    [cluster(OPERATION_ALTER)],
    [cluster(OPERATION_CLUSTER_ACTION)],
  );
  const committed = [{ partitionIndex: 0, committedOffset: 0, committedLeaderEpoch: -1, committedMetadata: null }];
  row(
    '',
    txnOffsetCommit,
    3,
    { transactionalId: TXN, groupId: GROUP, ...producer, topics: [{ name: 't', partitions: committed }] },
    TXN_CODE,
    [write, readGroup, onTopic(OPERATION_READ)],
  );
  row('', describeTransactions, 0, { transactionalIds: [TXN] }, TXN_CODE, [onTxn(OPERATION_DESCRIBE)]);
}

function clusterRows(row: Row): void {
  const alter = cluster(OPERATION_ALTER);
  const see = cluster(OPERATION_DESCRIBE);
  row('', describeAcls, 3, filter, CLUSTER_CODE, [see]);
  row('', createAcls, 3, { creations: [] }, 0, [alter]);
  const binding = {
    resourceType: RESOURCE_TOPIC,
    resourceName: '',
    resourcePatternType: 3,
    principal: 'User:nobody',
    host: '*',
    operation: 3,
    permissionType: 3,
  };
  row('of a bad rule', createAcls, 3, { creations: [binding] }, CLUSTER_CODE, [alter]);
  row('', deleteAcls, 3, { filters: [filter] }, CLUSTER_CODE, [alter]);
  const dirs = [{ path: '/data', topics: [{ name: 't', partitions: [0] }] }];
  row('', alterReplicaLogDirs, 2, { dirs }, CLUSTER_CODE, [alter]);
  row('', describeLogDirs, 4, { topics: null }, CLUSTER_CODE, [see]);
  const topicPartitions = [{ topic: 't', partitions: [0] }];
  row('', electLeaders, 2, { electionType: 0, topicPartitions, timeoutMs: 1000 }, CLUSTER_CODE, [alter]);
  const moved = [{ name: 't', partitions: [{ partitionIndex: 0, replicas: [1] }] }];
  row('', alterPartitionReassignments, 1, { timeoutMs: 1000, topics: moved }, CLUSTER_CODE, [alter]);
  row('', listPartitionReassignments, 0, { timeoutMs: 1000, topics: null }, CLUSTER_CODE, [see]);
  row('', describeClientQuotas, 1, { components: [], strict: false }, CLUSTER_CODE, [
    cluster(OPERATION_DESCRIBE_CONFIGS),
  ]);
  const entity = [{ entityType: 'user', entityName: 'x' }];
  row('', alterClientQuotas, 1, { entries: [{ entity, ops: [] }], validateOnly: true }, CLUSTER_CODE, [
    cluster(OPERATION_ALTER_CONFIGS),
  ]);
  row('', describeUserScramCredentials, 0, { users: null }, CLUSTER_CODE, [see]);
  const gone = { deletions: [{ name: 'nobody', mechanism: 1 }], upsertions: [] };
  row('', alterUserScramCredentials, 0, gone, CLUSTER_CODE, [alter]);
  row('', describeQuorum, 2, { topics: [] }, CLUSTER_CODE, [see]);
  row('', updateFeatures, 1, { timeoutMs: 1000, featureUpdates: [], validateOnly: true }, CLUSTER_CODE, [alter]);
  row('', listConfigResources, 1, { resourceTypes: [] }, CLUSTER_CODE, [cluster(OPERATION_DESCRIBE_CONFIGS)]);
}

function shareRows(row: Row, topicId: string): void {
  const read = onGroup(OPERATION_READ, SHARE_GROUP);
  const see = onGroup(OPERATION_DESCRIBE, SHARE_GROUP);
  const readTopic = onTopic(OPERATION_READ);
  const seeTopic = onTopic(OPERATION_DESCRIBE);
  const member = { groupId: SHARE_GROUP, memberId: MEMBER };
  row('', shareGroupHeartbeat, 1, { ...member, memberEpoch: 0, subscribedTopicNames: ['t'] }, GROUP_CODE, [
    read,
    seeTopic,
  ]);
  row('', shareGroupDescribe, 1, { groupIds: [SHARE_GROUP], includeAuthorizedOperations: true }, GROUP_CODE, [
    see,
    seeTopic,
  ]);
  const limits = { maxWaitMs: 0, minBytes: 0, maxBytes: 1000, maxRecords: 10, batchSize: 10 };
  row(
    '',
    shareFetch,
    1,
    {
      ...member,
      ...limits,
      shareSessionEpoch: 0,
      topics: [{ topicId, partitions: [{ partitionIndex: 0, acknowledgementBatches: [] }] }],
      forgottenTopicsData: [],
    },
    GROUP_CODE,
    [read, readTopic],
  );
  const batches = [{ firstOffset: 0, lastOffset: 0, acknowledgeTypes: [1] }];
  row(
    '',
    shareAcknowledge,
    1,
    {
      ...member,
      shareSessionEpoch: 1,
      topics: [{ topicId, partitions: [{ partitionIndex: 0, acknowledgementBatches: batches }] }],
    },
    GROUP_CODE,
    [read, readTopic],
  );
  row(
    '',
    describeShareGroupOffsets,
    0,
    { groups: [{ groupId: SHARE_GROUP, topics: [{ topicName: 't', partitions: [0] }] }] },
    GROUP_CODE,
    [see, seeTopic],
  );
  row(
    '',
    alterShareGroupOffsets,
    0,
    { groupId: 'unborn', topics: [{ topicName: 't', partitions: [{ partitionIndex: 0, startOffset: 0 }] }] },
    GROUP_CODE,
    [onGroup(OPERATION_READ, 'unborn'), readTopic],
  );
  row('', deleteShareGroupOffsets, 0, { groupId: 'unborn', topics: [{ topicName: 't' }] }, GROUP_CODE, [
    onGroup(OPERATION_DELETE, 'unborn'),
    readTopic,
  ]);
}

/** What an API looks up beside that: it is told less without it, and nothing is refused. */
export const furtherRights: { readonly [api: string]: readonly Right[] } = {
  Metadata: [cluster(OPERATION_DESCRIBE)],
  ListGroups: [cluster(OPERATION_DESCRIBE), onGroup(OPERATION_DESCRIBE)],
  CreateTopics: [onTopic(OPERATION_DESCRIBE_CONFIGS)],
  DeleteTopics: [onTopic(OPERATION_DESCRIBE)],
  DescribeCluster: [cluster(OPERATION_DESCRIBE)],
  DescribeTransactions: [onTopic(OPERATION_DESCRIBE)],
  ListTransactions: [onTxn(OPERATION_DESCRIBE)],
  ConsumerGroupDescribe: [onTopic(OPERATION_DESCRIBE)],
};
