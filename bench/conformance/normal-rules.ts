/**
 * What two right brokers may answer differently, as one table: which fields of which APIs, what is done to them before the
 * comparison, and why that is right. Nothing else is touched. Paths name fields of the answer with `[]` for entries.
 */
export type Treatment =
  /** Not compared. */
  | { readonly kind: 'blank' }
  /** Only whether it is negative, zero or positive. */
  | { readonly kind: 'sign' }
  /** Only whether it is null, empty, or a text. */
  | { readonly kind: 'text' }
  /** Replaced by kind and number, counted by first appearance in the session: equality is compared, not the value. */
  | { readonly kind: 'label'; readonly word: string }
  /** Entries are ordered by these fields. */
  | { readonly kind: 'order'; readonly by: readonly string[] }
  /** Entries that name the same thing are one: what they list in this field is put together. */
  | { readonly kind: 'merge'; readonly by: readonly string[]; readonly list: string }
  /** Entries whose field names something of another session, unless the request names it, are left out. */
  | { readonly kind: 'own'; readonly field: string }
  /** In entries whose field has one of these values, another field is not compared. */
  | { readonly kind: 'veil'; readonly where: string; readonly is: readonly number[]; readonly field: string };

export interface NormalRule {
  readonly apis: RegExp;
  readonly path: RegExp;
  readonly treatment: Treatment;
  readonly why: string;
}

const every = /./;
const blank: Treatment = { kind: 'blank' };

function label(word: string): Treatment {
  return { kind: 'label', word };
}

function order(...by: string[]): Treatment {
  return { kind: 'order', by };
}

function own(field: string): Treatment {
  return { kind: 'own', field };
}

export const normalRules: readonly NormalRule[] = [
  {
    apis: /^DescribeConfigs$/,
    path: /^results$/,
    treatment: { kind: 'veil', where: 'resourceType', is: [4, 8], field: 'configs' },
    why: 'which settings and loggers a broker has is its own affair: docs/settings.md',
  },
  { apis: every, path: /(^|\.)throttleTimeMs$/, treatment: blank, why: 'depends on load' },
  { apis: every, path: /(^|\.)host$/, treatment: blank, why: 'the address a client dialled' },
  { apis: every, path: /(^|\.)port$/, treatment: blank, why: 'the brokers listen on ports of their own' },
  { apis: every, path: /(^|\.)clientHost$/, treatment: blank, why: 'how an address is written' },
  { apis: every, path: /(^|\.)clusterId$/, treatment: blank, why: 'each cluster has its own' },
  {
    apis: /^(?:Metadata|DescribeCluster)$/,
    path: /^controllerId$/,
    treatment: blank,
    why: 'Kafka names any broker here',
  },
  { apis: every, path: /(^|\.)errorMessage$/, treatment: { kind: 'text' }, why: 'wording is for people' },
  { apis: /^Produce$/, path: /recordErrors\[\]\.message$/, treatment: { kind: 'text' }, why: 'wording is for people' },
  { apis: every, path: /documentation$/, treatment: { kind: 'text' }, why: 'wording is for people' },
  { apis: every, path: /(^|\.)topicId$/, treatment: label('topic-id'), why: 'made by chance' },
  { apis: every, path: /(^|\.)producerId$/, treatment: label('producer'), why: 'handed out in order of asking' },
  { apis: /^InitProducerId$/, path: /^ongoingTxnProducerId$/, treatment: label('producer'), why: 'as producerId' },
  { apis: every, path: /(^|\.)memberId$/, treatment: label('member'), why: 'made by chance' },
  { apis: /^JoinGroup$/, path: /^leader$/, treatment: label('member'), why: 'made by chance' },
  { apis: /^(?:Fetch|ShareFetch)$/, path: /^sessionId$/, treatment: label('session'), why: 'made by chance' },
  {
    // Not ListOffsets: the times there are the producer's.
    apis: /^(?!ListOffsets$)/,
    path: /(?:[tT]imestamp|TimestampMs|TimeMs|startTimeMs|logAppendTimeMs|expiryTimestampMs|maxTimestampMs)$/,
    treatment: { kind: 'sign' },
    why: 'the time of day',
  },
  {
    apis: /^DescribeLogDirs$/,
    path: /(?:logDir|totalBytes|usableBytes)$/,
    treatment: blank,
    why: 'folders and disks differ',
  },
  {
    apis: every,
    path: /(^|\.)(?:lastUpdateTimestamp|lastFetchTimestamp|lastCaughtUpTimestamp)$/,
    treatment: blank,
    why: 'the time of day',
  },
  {
    apis: /^DescribeQuorum$/,
    path: /(?:highWatermark|logEndOffset|leaderEpoch|replicaDirectoryId)$/,
    treatment: blank,
    why: 'how much metadata a broker has written',
  },
  {
    apis: /^ApiVersions$/,
    path: /^finalizedFeaturesEpoch$/,
    treatment: { kind: 'sign' },
    why: 'how much metadata a broker has written',
  },

  {
    apis: /^Fetch$/,
    path: /^topics$/,
    treatment: { kind: 'merge', by: ['name', 'topicId'], list: 'partitions' },
    why: 'Kafka names a topic again where its partitions do not follow each other',
  },
  {
    apis: /^DescribeUserScramCredentials$/,
    path: /^results$/,
    treatment: own('user'),
    why: 'other sessions share the broker',
  },
  {
    apis: /^(?:Alter|Describe)UserScramCredentials$/,
    path: /^results$/,
    treatment: order('user'),
    why: 'the order of a hash map',
  },
  { apis: /^Metadata$/, path: /^topics$/, treatment: own('name'), why: 'other sessions share the broker' },
  {
    apis: /^DescribeTopicPartitions$/,
    path: /^topics$/,
    treatment: own('name'),
    why: 'other sessions share the broker',
  },
  { apis: /^ListGroups$/, path: /^groups$/, treatment: own('groupId'), why: 'other sessions share the broker' },
  {
    apis: /^ListTransactions$/,
    path: /^transactionStates$/,
    treatment: own('transactionalId'),
    why: 'other sessions share the broker',
  },
  {
    apis: /^DescribeLogDirs$/,
    path: /^results\[\]\.topics$/,
    treatment: own('name'),
    why: 'other sessions share the broker',
  },
  {
    apis: /^ListConfigResources$/,
    path: /^configResources$/,
    treatment: own('resourceName'),
    why: 'other sessions share the broker',
  },
  {
    apis: /^ElectLeaders$/,
    path: /^replicaElectionResults$/,
    treatment: own('topic'),
    why: 'other sessions share the broker',
  },
  {
    apis: /^ListPartitionReassignments$/,
    path: /^topics$/,
    treatment: own('name'),
    why: 'other sessions share the broker',
  },

  {
    apis: every,
    path: /./,
    treatment: order(
      'apiKey',
      'key',
      'name',
      'topicName',
      'topic',
      'resourceType',
      'resourceName',
      'groupId',
      'transactionalId',
      'entityType',
      'entityName',
      'nodeId',
      'brokerId',
      'partitionIndex',
      'partition',
      'partitionId',
      'errorCode',
    ),
    why: 'Kafka keeps most lists in maps, whose order says nothing',
  },
];
