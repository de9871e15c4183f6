/** Topics, partitions, records, settings, quotas, log folders, elections and reassignments. */
import { type Row, type RowScript, row, rowScript, saved } from './rows.ts';
import { batch, creates, fetches, INT32_MAX, own, produces, RANDOM_UUID, type Wish, wish, ZERO_UUID } from './words.ts';

const t0 = own('t0');
const TOPIC = 2;
const BROKER = 4;
const LOGGER = 8;
const CLIENT_METRICS = 16;
const GROUP = 32;

const create = (
  version: Row['version'],
  topics: readonly unknown[],
  more: Readonly<Record<string, unknown>> = {},
): Row => row('CreateTopics', version, { topics, timeoutMs: 10_000, ...more });
const createOne = (word: string, wished: Wish, version: Row['version'] = 7): Row =>
  create(version, [wish(own(word), wished)]);
const assigned = (...lists: readonly (readonly number[])[]) =>
  lists.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds }));
const grow = (version: Row['version'], name: unknown, count: number, assignments: unknown = null): Row =>
  row('CreatePartitions', version, { topics: [{ name, count, assignments }], timeoutMs: 10_000 });
const describeTopic = (
  version: Row['version'],
  keys: readonly string[] | null = null,
  more: Readonly<Record<string, unknown>> = {},
): Row =>
  row('DescribeConfigs', version, {
    resources: [{ resourceType: TOPIC, resourceName: t0, configurationKeys: keys }],
    ...more,
  });
const change = (
  name: string,
  value: string | null,
  configOperation = 0,
  resourceType = TOPIC,
  resourceName: unknown = t0,
): Row =>
  row('IncrementalAlterConfigs', 1, {
    resources: [{ resourceType, resourceName, configs: [{ name, configOperation, value }] }],
    validateOnly: false,
  });
const replaceAll = (configs: Readonly<Record<string, string | null>>, validateOnly = false): Row =>
  row('AlterConfigs', 2, {
    resources: [
      {
        resourceType: TOPIC,
        resourceName: t0,
        configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
      },
    ],
    validateOnly,
  });
const deleteTo = (version: Row['version'], offset: number, name: unknown = t0, partitionIndex = 0): Row =>
  row('DeleteRecords', version, { topics: [{ name, partitions: [{ partitionIndex, offset }] }], timeoutMs: 10_000 });
const describeKind = (resourceType: number, resourceName: unknown, keys: readonly string[] | null): Row =>
  row('DescribeConfigs', 4, { resources: [{ resourceType, resourceName, configurationKeys: keys }] });

/** Values that a setting of a topic must take or refuse. */
const values: Readonly<Record<string, readonly string[]>> = {
  'cleanup.policy': ['compact', 'delete,compact', 'none', '', 'compact,compact', 'Compact', ' delete , compact '],
  'compression.type': ['lz4', 'producer', 'brotli', 'GZIP'],
  'compression.gzip.level': ['-1', '9', '0', '10'],
  'compression.lz4.level': ['1', '17', '0', '18'],
  'compression.zstd.level': ['-131072', '22', '23', '3'],
  'delete.retention.ms': ['0', '-1', '100'],
  'file.delete.delay.ms': ['0', '-1'],
  'flush.messages': ['1', '0'],
  'flush.ms': ['0', '-1'],
  'follower.replication.throttled.replicas': ['*', '1:1', 'none', 'x', ''],
  'index.interval.bytes': ['0', '-1'],
  'leader.replication.throttled.replicas': ['*', '0:1,1:1', 'x'],
  'local.retention.bytes': ['-2', '-3', '5'],
  'local.retention.ms': ['-2', '-3', '5'],
  'max.compaction.lag.ms': ['1', '0'],
  'max.message.bytes': ['0', '-1', '2147483647', '2147483648'],
  'message.timestamp.after.max.ms': ['0', '-1'],
  'message.timestamp.before.max.ms': ['0', '-1'],
  'message.timestamp.type': ['LogAppendTime', 'logappendtime', 'x'],
  'min.cleanable.dirty.ratio': ['0', '1', '1.1', '-0.1', 'x'],
  'min.compaction.lag.ms': ['0', '-1', '9223372036854775807'],
  'min.insync.replicas': ['1', '0', '2', 'x'],
  preallocate: ['true', 'false', 'yes', 'TRUE'],
  'remote.storage.enable': ['false', 'true'],
  'retention.bytes': ['-1', '-2', '5', '1.5'],
  'retention.ms': ['-1', '-2', '604800000', '9223372036854775808', ' 5 '],
  'segment.bytes': ['1048576', '1048575', '14', '2147483647', '-1'],
  'segment.index.bytes': ['1024', '3', '10485760'],
  'segment.jitter.ms': ['0', '-1', '1000'],
  'segment.ms': ['1', '0', '604800000'],
  'unclean.leader.election.enable': ['true', 'no'],
  'no.such.setting': ['1'],
};

export const administrationScripts: readonly RowScript[] = [
  rowScript('create-topics-each-version', [create('each', [wish(own('t0'))])]),
  rowScript('create-topics', [
    createOne('a', { partitions: 3 }),
    createOne('b', { partitions: -1, replicas: -1 }),
    createOne('c', { partitions: -1, replicas: -1 }, 3),
    ...[0, -2, 20_000, INT32_MAX].map((partitions) => createOne('d', { partitions })),
    ...[0, -2, 2, 3, 32_767].map((replicas) => createOne('d', { replicas })),
    create(7, [wish(own('e')), wish(own('e'))]),
    create(7, [wish(own('f')), wish(own('g'), { partitions: 0 }), wish(own('h'))]),
    create(7, []),
    createOne('dot.x', {}),
    createOne('dot_x', {}),
    createOne('i', { partitions: -1, replicas: -1, assignments: assigned([1], [1]) }),
    createOne('j', { partitions: 2, replicas: 1, assignments: assigned([1], [1]) }),
    createOne('j', { partitions: -1, replicas: -1, assignments: assigned([1, 1]) }),
    createOne('j', { partitions: -1, replicas: -1, assignments: assigned([2]) }),
    createOne('j', { partitions: -1, replicas: -1, assignments: assigned([]) }),
    createOne('j', { partitions: -1, replicas: -1, assignments: [{ partitionIndex: 1, brokerIds: [1] }] }),
    createOne('j', { partitions: -1, replicas: -1, assignments: assigned([1], [1, 1]) }),
    createOne('k', { configs: { 'retention.ms': '1000', 'no.such': '1' } }),
    createOne('k', { configs: { 'retention.ms': null } }),
    createOne('k', { configs: { 'retention.ms': '1000', 'cleanup.policy': 'compact' } }),
    createOne('l', { replicas: 0, configs: { 'retention.ms': 'x' } }),
    createOne('a', { configs: { 'retention.ms': 'x' } }),
    createOne('a', { partitions: 0 }),
  ]),
  rowScript('create-topics-validated', [
    create('each', [wish(own('fresh'))], { validateOnly: true }),
    ...[
      '',
      '.',
      '..',
      'a b',
      'ü',
      'n'.repeat(249),
      'n'.repeat(250),
      'a/b',
      '__consumer_offsets',
      '__cluster_metadata',
    ].map((name) => create(7, [wish(name)], { validateOnly: true })),
  ]),
  rowScript('delete-topics', [
    creates('t0'),
    creates('t1'),
    creates('t2'),
    row('DeleteTopics', 1, { topicNames: [t0], timeoutMs: 10_000 }),
    row('DeleteTopics', 5, { topicNames: [t0, own('t1'), own('t1')], timeoutMs: 10_000 }),
    row('DeleteTopics', 5, { topicNames: ['', 'a b'], timeoutMs: 10_000 }),
    row('DeleteTopics', 5, { topicNames: [], timeoutMs: 10_000 }),
    row('DeleteTopics', 6, { topics: [{ name: null, topicId: RANDOM_UUID }], timeoutMs: 10_000 }),
    row('DeleteTopics', 6, { topics: [{ name: null, topicId: ZERO_UUID }], timeoutMs: 10_000 }),
    row('DeleteTopics', 6, { topics: [{ name: own('t2'), topicId: saved('id of t2', ZERO_UUID) }], timeoutMs: 10_000 }),
    row('DeleteTopics', 6, { topics: [{ name: null, topicId: saved('id of t2', ZERO_UUID) }], timeoutMs: 10_000 }),
    row('DeleteTopics', 6, { topics: [{ name: own('t2'), topicId: ZERO_UUID }], timeoutMs: 10_000 }),
    row('Metadata', 9, { topics: [{ name: t0 }], allowAutoTopicCreation: false }),
    produces(9, t0, batch()),
    creates('t0'),
    fetches(12, t0, 0),
  ]),
  rowScript('create-partitions', [
    creates('t0', { partitions: 2 }),
    grow('each', t0, 2),
    grow(3, t0, 3),
    ...[0, -1, 1, -2_147_483_648].map((count) => grow(3, t0, count)),
    grow(3, t0, 4, [{ brokerIds: [1] }]),
    grow(3, t0, 5, [{ brokerIds: [2] }]),
    grow(3, t0, 5, []),
    grow(3, t0, 6, [{ brokerIds: [1] }]),
    grow(3, t0, 5, [{ brokerIds: [1, 1] }]),
    grow(3, t0, 5, [{ brokerIds: [] }]),
    grow(3, own('missing'), 3),
    grow(3, '', 3),
    row('CreatePartitions', 3, {
      topics: [
        { name: t0, count: 9, assignments: null },
        { name: t0, count: 8, assignments: null },
      ],
      timeoutMs: 10_000,
    }),
    row('CreatePartitions', 3, {
      topics: [{ name: t0, count: 9, assignments: null }],
      timeoutMs: 10_000,
      validateOnly: true,
    }),
    row('Metadata', 9, { topics: [{ name: t0 }], allowAutoTopicCreation: false }),
  ]),
  ...Object.entries(values).map(([name, ofName]) =>
    rowScript(`setting-${name}`, [
      creates('t0'),
      ...ofName.map((value) => createOne('other', { configs: { [name]: value } })),
      ...ofName.flatMap((value) => [change(name, value), describeTopic(4, [name])]),
    ]),
  ),
  rowScript('describe-configs', [
    creates('t0', { configs: { 'retention.ms': '1000' } }),
    describeTopic('each'),
    describeTopic('each', ['retention.ms', 'no.such'], { includeSynonyms: true, includeDocumentation: true }),
    describeTopic(4, []),
    ...[TOPIC, BROKER, LOGGER, GROUP].map((type) => describeKind(type, own('missing'), ['retention.ms'])),
    ...[TOPIC, BROKER, LOGGER, GROUP].map((type) => describeKind(type, '', null)),
    ...['1', '2', 'x', '-1'].map((name) => describeKind(BROKER, name, ['node.id'])),
    ...[0, 1, 3, 99].map((type) => describeKind(type, t0, null)),
    describeKind(GROUP, own('g'), null),
    describeKind(CLIENT_METRICS, own('m'), null),
    row('DescribeConfigs', 4, { resources: [] }),
    row('DescribeConfigs', 4, { resources: [{ resourceType: TOPIC, resourceName: 'a b', configurationKeys: null }] }),
  ]),
  rowScript('incremental-alter-configs', [
    creates('t0'),
    change('retention.ms', '1000'),
    describeTopic(4, ['retention.ms'], { includeSynonyms: true }),
    change('retention.ms', null, 1),
    describeTopic(4, ['retention.ms'], { includeSynonyms: true }),
    change('retention.ms', '5', 2),
    change('retention.ms', '5', 3),
    change('cleanup.policy', 'compact', 2),
    describeTopic(4, ['cleanup.policy']),
    change('cleanup.policy', 'compact', 2),
    change('cleanup.policy', 'delete', 3),
    describeTopic(4, ['cleanup.policy']),
    change('cleanup.policy', 'compact', 3),
    describeTopic(4, ['cleanup.policy']),
    change('retention.ms', null, 0),
    change('retention.ms', '1', 9),
    change('no.such', '1'),
    change('no.such', null, 1),
    change('retention.ms', '1', 0, TOPIC, own('missing')),
    change('retention.ms', '1', 0, TOPIC, ''),
    change('retention.ms', '1', 0, 99),
    change('node.id', '7', 0, BROKER, '1'),
    change('log.retention.ms', '77777777', 0, BROKER, '2'),
    change('log.retention.ms', '77777777', 0, BROKER, 'x'),
    row('IncrementalAlterConfigs', 1, {
      resources: [
        {
          resourceType: TOPIC,
          resourceName: t0,
          configs: [
            { name: 'retention.ms', configOperation: 0, value: '1' },
            { name: 'retention.ms', configOperation: 1, value: null },
          ],
        },
      ],
      validateOnly: false,
    }),
    row('IncrementalAlterConfigs', 1, {
      resources: [
        {
          resourceType: TOPIC,
          resourceName: t0,
          configs: [
            { name: 'retention.ms', configOperation: 0, value: '2' },
            { name: 'segment.ms', configOperation: 0, value: 'x' },
          ],
        },
        { resourceType: TOPIC, resourceName: t0, configs: [] },
      ],
      validateOnly: false,
    }),
    row('IncrementalAlterConfigs', 1, { resources: [], validateOnly: false }),
    row('IncrementalAlterConfigs', 1, {
      resources: [
        { resourceType: TOPIC, resourceName: t0, configs: [{ name: 'retention.ms', configOperation: 0, value: '9' }] },
      ],
      validateOnly: true,
    }),
    describeTopic(4, ['retention.ms', 'segment.ms']),
    row('IncrementalAlterConfigs', 0, {
      resources: [
        { resourceType: TOPIC, resourceName: t0, configs: [{ name: 'retention.ms', configOperation: 0, value: '9' }] },
      ],
      validateOnly: false,
    }),
  ]),
  rowScript('group-configs', [
    change('consumer.session.timeout.ms', '50000', 0, GROUP, own('g')),
    change('consumer.session.timeout.ms', '1', 0, GROUP, own('g')),
    change('consumer.heartbeat.interval.ms', '5000', 0, GROUP, own('g')),
    change('share.auto.offset.reset', 'earliest', 0, GROUP, own('g')),
    change('share.auto.offset.reset', 'sometime', 0, GROUP, own('g')),
    change('share.record.lock.duration.ms', '20000', 0, GROUP, own('g')),
    change('share.isolation.level', 'read_committed', 0, GROUP, own('g')),
    change('retention.ms', '1', 0, GROUP, own('g')),
    change('consumer.session.timeout.ms', '50000', 0, GROUP, ''),
    describeKind(GROUP, own('g'), null),
    row('ListConfigResources', 'last', { resourceTypes: [GROUP] }),
    change('consumer.session.timeout.ms', null, 1, GROUP, own('g')),
    describeKind(GROUP, own('g'), ['consumer.session.timeout.ms']),
  ]),
  rowScript('alter-configs', [
    creates('t0', { configs: { 'retention.ms': '1000', 'segment.ms': '5000' } }),
    replaceAll({ 'retention.ms': '2000' }),
    describeTopic(4, ['retention.ms', 'segment.ms']),
    replaceAll({ 'retention.ms': 'x' }),
    replaceAll({ 'no.such': '1' }),
    replaceAll({ 'retention.ms': null }),
    replaceAll({ 'segment.ms': '6000' }, true),
    replaceAll({}),
    describeTopic(4, ['retention.ms', 'segment.ms']),
    row('AlterConfigs', 'each', {
      resources: [
        { resourceType: TOPIC, resourceName: own('missing'), configs: [{ name: 'retention.ms', value: '1' }] },
      ],
      validateOnly: false,
    }),
    row('AlterConfigs', 2, { resources: [{ resourceType: 99, resourceName: t0, configs: [] }], validateOnly: false }),
  ]),
  rowScript('list-config-resources', [
    creates('t0'),
    row('ListConfigResources', 0, {}),
    ...[[], [TOPIC], [BROKER], [LOGGER], [CLIENT_METRICS], [GROUP], [0], [99], [TOPIC, GROUP], [TOPIC, TOPIC]].map(
      (resourceTypes) => row('ListConfigResources', 1, { resourceTypes }),
    ),
  ]),
  rowScript('delete-records', [
    creates('t0'),
    produces(9, t0, batch({ count: 5 })),
    produces(9, t0, batch({ count: 5 })),
    deleteTo('each', 2),
    fetches(12, t0, 0),
    fetches(12, t0, 1),
    fetches(12, t0, 2),
    deleteTo(2, 1),
    deleteTo(2, 11),
    deleteTo(2, -2),
    deleteTo(2, 0, own('missing')),
    deleteTo(2, 0, t0, 4),
    row('ListOffsets', 5, {
      replicaId: -1,
      topics: [{ name: t0, partitions: [{ partitionIndex: 0, timestamp: -2 }] }],
    }),
    deleteTo(2, -1),
    fetches(12, t0, 10),
    deleteTo(2, 0, '__consumer_offsets'),
    creates('t1', { configs: { 'cleanup.policy': 'compact' } }),
    produces(9, own('t1'), batch()),
    deleteTo(2, 1, own('t1')),
    row('DeleteRecords', 2, { topics: [], timeoutMs: 10_000 }),
  ]),
  rowScript('log-dirs', [
    creates('t0', { partitions: 2 }),
    produces(9, t0, batch()),
    row('DescribeLogDirs', 'each', { topics: [{ topic: t0, partitions: [0, 1] }] }),
    row('DescribeLogDirs', 'last', {
      topics: [
        { topic: t0, partitions: [7] },
        { topic: own('missing'), partitions: [0] },
      ],
    }),
    row('DescribeLogDirs', 'last', { topics: [] }),
    row('DescribeLogDirs', 'last', { topics: null }),
    row('AlterReplicaLogDirs', 'each', {
      dirs: [{ path: '/no/such/folder', topics: [{ name: t0, partitions: [0] }] }],
    }),
    row('AlterReplicaLogDirs', 'last', {
      dirs: [{ path: 'relative', topics: [{ name: own('missing'), partitions: [0] }] }],
    }),
    row('AlterReplicaLogDirs', 'last', { dirs: [] }),
  ]),
  rowScript('elections', [
    creates('t0', { partitions: 2 }),
    ...[0, 1, 2, -1].map((electionType) =>
      row('ElectLeaders', 'last', {
        electionType,
        topicPartitions: [{ topic: t0, partitions: [0, 1] }],
        timeoutMs: 10_000,
      }),
    ),
    row('ElectLeaders', 0, { topicPartitions: [{ topic: t0, partitions: [0] }], timeoutMs: 10_000 }),
    row('ElectLeaders', 1, { electionType: 0, topicPartitions: [{ topic: t0, partitions: [0] }], timeoutMs: 10_000 }),
    row('ElectLeaders', 'last', {
      electionType: 0,
      topicPartitions: [
        { topic: own('missing'), partitions: [0] },
        { topic: t0, partitions: [9] },
      ],
      timeoutMs: 10_000,
    }),
    row('ElectLeaders', 'last', { electionType: 0, topicPartitions: [], timeoutMs: 10_000 }),
  ]),
  rowScript('reassignments', [
    creates('t0', { partitions: 2 }),
    ...[[1], [2], [1, 2], [1, 1], [], [-1], null].map((replicas) =>
      row('AlterPartitionReassignments', 'last', {
        timeoutMs: 10_000,
        topics: [{ name: t0, partitions: [{ partitionIndex: 0, replicas }] }],
      }),
    ),
    row('AlterPartitionReassignments', 0, {
      timeoutMs: 10_000,
      topics: [{ name: t0, partitions: [{ partitionIndex: 9, replicas: [1] }] }],
    }),
    row('AlterPartitionReassignments', 'last', {
      timeoutMs: 10_000,
      topics: [{ name: own('missing'), partitions: [{ partitionIndex: 0, replicas: [1] }] }],
    }),
    row('AlterPartitionReassignments', 'last', { timeoutMs: 10_000, topics: [] }),
    row('ListPartitionReassignments', 0, { timeoutMs: 10_000, topics: null }),
    row('ListPartitionReassignments', 0, { timeoutMs: 10_000, topics: [{ name: t0, partitionIndexes: [0, 9] }] }),
    row('ListPartitionReassignments', 0, {
      timeoutMs: 10_000,
      topics: [{ name: own('missing'), partitionIndexes: [0] }],
    }),
    row('ListPartitionReassignments', 0, { timeoutMs: 10_000, topics: [] }),
  ]),
  rowScript('quorum-and-features', [
    row('DescribeQuorum', 'each', {
      topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }],
    }),
    row('DescribeQuorum', 'last', {
      topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 1 }] }],
    }),
    row('DescribeQuorum', 'last', { topics: [{ topicName: t0, partitions: [{ partitionIndex: 0 }] }] }),
    row('DescribeQuorum', 'last', { topics: [] }),
    ...['group.version', 'transaction.version', 'share.version', 'no.such'].flatMap((feature) =>
      [0, 1, 2, 9, -1].map((maxVersionLevel) =>
        row('UpdateFeatures', 'last', {
          timeoutMs: 10_000,
          featureUpdates: [{ feature, maxVersionLevel, upgradeType: 1 }],
          validateOnly: true,
        }),
      ),
    ),
    row('UpdateFeatures', 'last', { timeoutMs: 10_000, featureUpdates: [], validateOnly: true }),
    row('UpdateFeatures', 'last', {
      timeoutMs: 10_000,
      featureUpdates: [{ feature: 'group.version', maxVersionLevel: 1, upgradeType: 7 }],
      validateOnly: true,
    }),
  ]),
  rowScript('quotas', quotaRows()),
];

function quotaRows(): Row[] {
  const alter = (entity: readonly unknown[], key: string, value: number, remove = false, validateOnly = false): Row =>
    row('AlterClientQuotas', 'last', { entries: [{ entity, ops: [{ key, value, remove }] }], validateOnly });
  const find = (components: readonly unknown[], strict = false): Row =>
    row('DescribeClientQuotas', 'last', { components, strict });
  const user = { entityType: 'user', entityName: own('u') };
  const client = { entityType: 'client-id', entityName: own('c') };
  return [
    alter([user], 'producer_byte_rate', 1e9),
    alter([user, client], 'consumer_byte_rate', 2e9),
    alter([client], 'request_percentage', 300),
    alter([client], 'controller_mutation_rate', 1000.5),
    find([{ entityType: 'user', matchType: 0, match: own('u') }]),
    find([{ entityType: 'user', matchType: 0, match: own('u') }], true),
    find([
      { entityType: 'user', matchType: 0, match: own('u') },
      { entityType: 'client-id', matchType: 0, match: own('c') },
    ]),
    find([{ entityType: 'client-id', matchType: 0, match: own('c') }]),
    find([{ entityType: 'user', matchType: 0, match: own('nobody') }]),
    find([{ entityType: 'user', matchType: 9, match: own('u') }]),
    find([{ entityType: 'nothing', matchType: 0, match: own('u') }]),
    find([{ entityType: '', matchType: 0, match: own('u') }]),
    find([{ entityType: 'user', matchType: 0, match: null }]),
    find([
      { entityType: 'user', matchType: 0, match: own('u') },
      { entityType: 'user', matchType: 0, match: own('v') },
    ]),
    row('DescribeClientQuotas', 0, {
      components: [{ entityType: 'user', matchType: 0, match: own('u') }],
      strict: false,
    }),
    alter([user], 'no_such_quota', 1),
    alter([user], 'producer_byte_rate', -1),
    alter([user], 'producer_byte_rate', 0),
    alter([user], 'producer_byte_rate', 0.5),
    alter([user], 'request_percentage', -1),
    alter([{ entityType: 'nothing', entityName: own('u') }], 'producer_byte_rate', 1),
    alter([], 'producer_byte_rate', 1),
    alter([user, user], 'producer_byte_rate', 1),
    alter([{ entityType: 'user', entityName: '' }], 'producer_byte_rate', 1, false, true),
    alter([{ entityType: 'ip', entityName: 'not an address' }], 'connection_creation_rate', 1, false, true),
    alter([{ entityType: 'ip', entityName: '127.9.9.9' }], 'connection_creation_rate', 1, false, true),
    alter([{ entityType: 'ip', entityName: '127.9.9.9' }], 'producer_byte_rate', 1, false, true),
    alter([user], 'producer_byte_rate', 0, true),
    alter([user], 'producer_byte_rate', 0, true),
    find([{ entityType: 'user', matchType: 0, match: own('u') }]),
    alter([user, client], 'consumer_byte_rate', 0, true),
    alter([client], 'request_percentage', 0, true),
    alter([client], 'controller_mutation_rate', 0, true),
    row('AlterClientQuotas', 0, { entries: [], validateOnly: false }),
  ];
}
