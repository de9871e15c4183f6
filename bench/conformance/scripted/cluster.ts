/** ApiVersions, Metadata, DescribeCluster, DescribeTopicPartitions and FindCoordinator, and frames that are none. */
import { type RowScript, row, rowScript, saved } from './rows.ts';
import { creates, INT32_MAX, own, RANDOM_UUID, ZERO_UUID } from './words.ts';

const t0 = own('t0');
const software = (clientSoftwareName: string, clientSoftwareVersion: string) =>
  row('ApiVersions', 3, { clientSoftwareName, clientSoftwareVersion });

function headerField(name: string, at: number, value: number) {
  return {
    note: `${name} ${value}`,
    apply(frame: Buffer) {
      frame.writeInt16BE(value, at);
      return frame;
    },
  };
}

const keyOf = (key: number) => headerField('key', 0, key);
const versionOf = (version: number) => headerField('version', 2, version);

const metadataOf = (version: number | 'each', topics: unknown, more: Readonly<Record<string, unknown>> = {}) =>
  row('Metadata', version, { topics, allowAutoTopicCreation: false, ...more });

export const clusterScripts: readonly RowScript[] = [
  rowScript('api-versions', [
    row('ApiVersions', 'each', { clientSoftwareName: 'conformance', clientSoftwareVersion: '1.0' }),
    ...[5, 99, -1, 32767].map((version) =>
      row(
        'ApiVersions',
        3,
        { clientSoftwareName: 'a', clientSoftwareVersion: '1' },
        { damage: versionOf(version), decodeAs: 0 },
      ),
    ),
    software('', '1'),
    software('a', ''),
    software('a b', '1'),
    software('-a', '1'),
    software('a.', '1'),
    software('a.b-c', '1.0-rc'),
    software('ü', '1'),
    software('a', '1 0'),
    row('ApiVersions', 3, { clientSoftwareName: 'a', clientSoftwareVersion: '1' }, { clientId: null }),
  ]),
  rowScript('frames', [
    row('Metadata', 5, { topics: [] }, { damage: versionOf(99) }),
    row('Metadata', 5, { topics: [] }, { damage: versionOf(-1) }),
    row('Metadata', 5, { topics: [] }, { damage: keyOf(999) }),
    row('Metadata', 5, { topics: [] }, { damage: keyOf(-1) }),
    row('Metadata', 5, { topics: [] }, { damage: keyOf(4) }),
    row('Metadata', 5, { topics: [] }, { clientId: null }),
    row('Metadata', 5, { topics: [] }, { clientId: '' }),
    row('Metadata', 5, { topics: [] }, { damage: { note: 'header only', apply: (frame) => frame.subarray(0, 8) } }),
    row(
      'Metadata',
      5,
      { topics: [] },
      { damage: { note: 'cut', apply: (frame) => frame.subarray(0, frame.length - 1) } },
    ),
    row('Metadata', 5, { topics: [] }, { damage: { note: 'empty', apply: () => Buffer.alloc(0) } }),
    row(
      'Metadata',
      5,
      { topics: [] },
      { damage: { note: 'longer', apply: (frame) => Buffer.concat([frame, Buffer.alloc(3)]) } },
    ),
    row('Produce', 3, { transactionalId: null, acks: -1, timeoutMs: 100, topics: [] }, { damage: versionOf(2) }),
    row('Produce', 3, { transactionalId: null, acks: -1, timeoutMs: 100, topics: [] }, { damage: versionOf(0) }),
  ]),
  rowScript('metadata', [
    creates('t0', { partitions: 3 }),
    metadataOf('each', [{ name: t0 }]),
    metadataOf('each', [{ name: own('missing') }]),
    metadataOf('each', []),
    row('Metadata', 1, { topics: null }),
    row('Metadata', 12, { topics: null }),
    row('Metadata', 0, { topics: [] }),
    metadataOf(12, [{ name: null, topicId: saved('id of t0', ZERO_UUID) }]),
    metadataOf(12, [{ name: null, topicId: RANDOM_UUID }]),
    metadataOf(12, [{ name: null, topicId: ZERO_UUID }]),
    metadataOf(12, [{ name: t0, topicId: saved('id of t0', ZERO_UUID) }]),
    metadataOf(11, [{ name: t0, topicId: saved('id of t0', ZERO_UUID) }]),
    metadataOf(10, [{ name: null, topicId: saved('id of t0', ZERO_UUID) }]),
    metadataOf(9, [{ name: t0 }, { name: t0 }]),
    metadataOf(8, [{ name: t0 }], { includeClusterAuthorizedOperations: true, includeTopicAuthorizedOperations: true }),
    metadataOf(10, [{ name: t0 }], {
      includeClusterAuthorizedOperations: true,
      includeTopicAuthorizedOperations: true,
    }),
    metadataOf(12, [{ name: own('missing') }], { includeTopicAuthorizedOperations: true }),
    ...['', '.', '..', 'a b', 'a/b', 'ü', 'n'.repeat(249), 'n'.repeat(250), '__consumer_offsets', '__no_such'].flatMap(
      (name) => [metadataOf(4, [{ name }]), metadataOf(9, [{ name }]), metadataOf(12, [{ name }])],
    ),
  ]),
  rowScript('metadata-creates', [
    row('Metadata', 4, { topics: [{ name: own('auto') }], allowAutoTopicCreation: true }),
    row('Metadata', 12, { topics: [{ name: own('auto') }], allowAutoTopicCreation: true }),
    row('Metadata', 1, { topics: [{ name: own('older') }] }),
    row('Metadata', 1, { topics: [{ name: own('older') }] }),
    row('Metadata', 12, { topics: [{ name: 'not valid!' }], allowAutoTopicCreation: true }),
  ]),
  rowScript('describe-cluster', [
    row('DescribeCluster', 'each', {}),
    row('DescribeCluster', 'each', { includeClusterAuthorizedOperations: true }),
    row('DescribeCluster', 'last', { includeFencedBrokers: true }),
    ...[0, 2, 3, -1].map((endpointType) => row('DescribeCluster', 'last', { endpointType })),
  ]),
  rowScript('describe-topic-partitions', [
    creates('t0', { partitions: 5 }),
    creates('t1', { partitions: 2 }),
    row('DescribeTopicPartitions', 0, { topics: [{ name: t0 }] }),
    row('DescribeTopicPartitions', 0, { topics: [{ name: t0 }, { name: own('t1') }] }),
    row('DescribeTopicPartitions', 0, { topics: [{ name: own('t1') }, { name: t0 }, { name: t0 }] }),
    row('DescribeTopicPartitions', 0, { topics: [{ name: own('missing') }] }),
    row('DescribeTopicPartitions', 0, { topics: [{ name: 'a b' }, { name: '' }] }),
    ...[-1, 0, 1, 4, 5, 6, INT32_MAX].map((responsePartitionLimit) =>
      row('DescribeTopicPartitions', 0, { topics: [{ name: t0 }, { name: own('t1') }], responsePartitionLimit }),
    ),
    ...[0, 2, 4, 5, -1].map((partitionIndex) =>
      row('DescribeTopicPartitions', 0, {
        topics: [{ name: t0 }, { name: own('t1') }],
        cursor: { topicName: t0, partitionIndex },
      }),
    ),
    row('DescribeTopicPartitions', 0, { topics: [{ name: t0 }], cursor: { topicName: own('zzz'), partitionIndex: 0 } }),
    row('DescribeTopicPartitions', 0, { topics: [{ name: t0 }], cursor: { topicName: '', partitionIndex: 0 } }),
    row('DescribeTopicPartitions', 0, {
      topics: [{ name: own('t1') }],
      cursor: { topicName: t0, partitionIndex: 1 },
      responsePartitionLimit: 1,
    }),
  ]),
  rowScript('find-coordinator', [
    ...[0, 1].map((keyType) =>
      row('FindCoordinator', 'each', { key: own('g'), keyType, coordinatorKeys: [own('g'), own('h')] }),
    ),
    ...[2, 3, -1].map((keyType) =>
      row('FindCoordinator', 'last', { key: own('g'), keyType, coordinatorKeys: [own('g')] }),
    ),
    row('FindCoordinator', 3, { key: own('g'), keyType: 2 }),
    row('FindCoordinator', 3, { key: own('g'), keyType: 7 }),
    row('FindCoordinator', 3, { key: '', keyType: 0 }),
    row('FindCoordinator', 3, { key: '', keyType: 1 }),
    row('FindCoordinator', 4, { keyType: 0, coordinatorKeys: [] }),
    row('FindCoordinator', 4, { keyType: 0, coordinatorKeys: ['', own('g'), own('g')] }),
    row('FindCoordinator', 5, { keyType: 2, coordinatorKeys: [own('g')] }),
    row('FindCoordinator', 'last', {
      keyType: 2,
      coordinatorKeys: ['g:AAAAAAAAAAAAAAAAAAAAAQ:0', 'g:x:0', 'g:AAAAAAAAAAAAAAAAAAAAAQ:-1', 'g'],
    }),
  ]),
];
