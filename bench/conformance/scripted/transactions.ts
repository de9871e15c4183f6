/** Producer ids and transactions: both generations of the protocol, fencing, retries, and everything out of turn. */
import { type Row, type RowOptions, type RowScript, row, rowScript, saved } from './rows.ts';
import { batch, creates, fetches, own, produces, subscription } from './words.ts';

const x = own('x');
const t0 = own('t0');
const MARKERS_MS = 250;
const pid = saved('pid', 0);
const epoch = saved('epoch', 0);

function begins(version: Row['version'], more: Readonly<Record<string, unknown>> = {}, options: RowOptions = {}): Row {
  return row(
    'InitProducerId',
    version,
    { transactionalId: x, transactionTimeoutMs: 60_000, ...more },
    { save: { pid: 'producerId', epoch: 'producerEpoch' }, untilZero: 'errorCode', ...options },
  );
}

function adds(
  version: Row['version'],
  more: Readonly<Record<string, unknown>> = {},
  topics: unknown = [{ name: t0, partitions: [0] }],
  options: RowOptions = {},
): Row {
  const transaction = { transactionalId: x, producerId: pid, producerEpoch: epoch, topics, ...more };
  const { transactionalId, producerId, producerEpoch } = transaction;
  const old = {
    v3AndBelowTransactionalId: transactionalId,
    v3AndBelowProducerId: producerId,
    v3AndBelowProducerEpoch: producerEpoch,
    v3AndBelowTopics: topics,
  };
  return row('AddPartitionsToTxn', version, { transactions: [transaction], ...old }, options);
}

function ends(
  version: Row['version'],
  committed: boolean,
  more: Readonly<Record<string, unknown>> = {},
  options: RowOptions = {},
): Row {
  return row(
    'EndTxn',
    version,
    { transactionalId: x, producerId: pid, producerEpoch: epoch, committed, ...more },
    options,
  );
}

const sends = (baseSequence: number, version = 9, more = {}, transactionalId: unknown = x): Row =>
  produces(
    version,
    t0,
    batch({ count: 1, producerId: pid, producerEpoch: epoch, baseSequence, isTransactional: true, ...more }),
    { transactionalId },
  );
const offsetsOf = (groupId: unknown) => ({ transactionalId: x, groupId, producerId: pid, producerEpoch: epoch });
const commitsInside = (version: Row['version'], more: Readonly<Record<string, unknown>> = {}): Row =>
  row('TxnOffsetCommit', version, {
    ...offsetsOf(own('g')),
    topics: [{ name: t0, partitions: [{ partitionIndex: 0, committedOffset: 4, committedMetadata: 'm' }] }],
    ...more,
  });
/** Markers follow the answer in their own time. */
const reads = (offset: number): Row => {
  const plain = fetches(12, t0, offset, { isolationLevel: 1 });
  return { ...plain, options: { ...plain.options, afterMs: MARKERS_MS } };
};
const fetchesOffsets = (requireStable: boolean): Row =>
  row('OffsetFetch', 8, {
    groups: [{ groupId: own('g'), topics: [{ name: t0, partitionIndexes: [0] }] }],
    requireStable,
  });
const describes = row('DescribeTransactions', 0, { transactionalIds: [x] });
/** What the coordinator does after its answer is over when the next question is answered as usual. */
const settled: RowOptions = { untilZero: 'resultsByTopicV3AndBelow.0.resultsByPartition.0.partitionErrorCode' };

export const transactionScripts: readonly RowScript[] = [
  rowScript('init-producer-id', [
    row('InitProducerId', 'each', { transactionalId: null, transactionTimeoutMs: 60_000 }),
    row('InitProducerId', 'each', { transactionalId: null, transactionTimeoutMs: -1 }),
    row('InitProducerId', 4, { transactionalId: '', transactionTimeoutMs: 60_000 }),
    ...[0, -1, 900_001, 900_000].map((transactionTimeoutMs) =>
      row('InitProducerId', 4, { transactionalId: own('y'), transactionTimeoutMs }),
    ),
    begins('each'),
    begins(4, { producerId: pid, producerEpoch: epoch }),
    begins(4, { producerId: 77_777, producerEpoch: 0 }, { untilZero: 'throttleTimeMs', save: {} }),
    begins(4, { producerId: -1, producerEpoch: 4 }, { untilZero: 'throttleTimeMs', save: {} }),
    begins(4, { producerId: 4, producerEpoch: -1 }, { untilZero: 'throttleTimeMs', save: {} }),
    row('InitProducerId', 4, {
      transactionalId: null,
      transactionTimeoutMs: 60_000,
      producerId: pid,
      producerEpoch: epoch,
    }),
  ]),
  ...[true, false].map((isCommitted) =>
    rowScript(`transaction-classic-${isCommitted ? 'commit' : 'abort'}`, [
      creates('t0', { partitions: 2 }),
      begins(4),
      describes,
      adds(3),
      sends(0),
      sends(1),
      reads(0),
      fetches(12, t0, 0),
      describes,
      row('ListTransactions', 'each', { stateFilters: [], producerIdFilters: [] }),
      row('ListTransactions', 'last', { stateFilters: ['Ongoing'], producerIdFilters: [] }),
      row('ListTransactions', 'last', { stateFilters: ['no such'], producerIdFilters: [] }),
      row('DescribeProducers', 0, { topics: [{ name: t0, partitionIndexes: [0, 1, 9] }] }),
      row('ListOffsets', 5, {
        replicaId: -1,
        isolationLevel: 1,
        topics: [{ name: t0, partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
      }),
      ends(3, isCommitted),
      adds(3, {}, undefined, settled),
      ends(3, isCommitted),
      reads(0),
      fetches(12, t0, 0),
      describes,
    ]),
  ),
  rowScript('transaction-version-2', [
    creates('t0', { partitions: 2 }),
    begins('last'),
    sends(0, 12),
    sends(1, 12),
    describes,
    reads(0),
    ends(5, true, {}, { save: { pid: 'producerId', epoch: 'producerEpoch' } }),
    begins(3, { producerId: pid, producerEpoch: epoch }),
    reads(0),
    sends(0, 12),
    ends(5, false, {}, { save: { pid: 'producerId', epoch: 'producerEpoch' } }),
    ends(5, false, {}, { untilZero: 'errorCode' }),
    reads(0),
    row('DescribeProducers', 0, { topics: [{ name: t0, partitionIndexes: [0] }] }),
  ]),
  rowScript('transaction-fencing', [
    creates('t0'),
    begins(4),
    adds(3),
    sends(0),
    begins(4, {}, { save: { 'new epoch': 'producerEpoch' } }),
    sends(1),
    adds(3),
    adds(1),
    ends(3, true),
    ends(1, true),
    commitsInside(3),
    row('AddOffsetsToTxn', 'each', offsetsOf(own('g'))),
    describes,
    reads(0),
  ]),
  rowScript('transaction-fenced-end', [
    creates('t0'),
    begins('last'),
    sends(0, 12),
    begins(4, {}, { save: {}, untilZero: 'throttleTimeMs' }),
    ends(5, false, {}, { untilZero: 'errorCode' }),
    ends(5, true),
    ends(4, false),
    describes,
    begins('last', { producerId: pid, producerEpoch: epoch }, { save: {} }),
    begins('last', {}, { save: {} }),
    reads(0),
  ]),
  rowScript('transaction-first-sequence', [
    creates('t0', { partitions: 2 }),
    begins('last'),
    sends(5, 12),
    sends(0, 12),
    sends(3, 12),
    ends(5, true, {}, { save: { pid: 'producerId', epoch: 'producerEpoch' } }),
    sends(2, 12),
    sends(0, 12),
    ends(5, true, {}, { save: { pid: 'producerId', epoch: 'producerEpoch' } }),
    begins('last'),
    adds(3),
    sends(7, 11),
    sends(0, 11),
    sends(1, 11),
    ends(4, true),
    // The markers are written when there are no partitions any more.
    row('DescribeTransactions', 0, { transactionalIds: [x] }, { untilZero: 'transactionStates.0.topics.length' }),
    sends(1, 11),
    adds(3, {}, undefined, settled),
    sends(3, 11),
    sends(2, 11),
    sends(1, 11),
    reads(0),
  ]),
  rowScript('transaction-out-of-turn', [
    creates('t0', { partitions: 2 }),
    adds(3, { transactionalId: own('unknown'), producerId: 5, producerEpoch: 0 }),
    ends(3, true, { transactionalId: own('unknown'), producerId: 5, producerEpoch: 0 }),
    ends(3, true, { transactionalId: '', producerId: 5, producerEpoch: 0 }),
    begins(4),
    ends(3, true),
    ends(3, false),
    adds(3, { producerId: 999_999 }),
    adds(3, { producerEpoch: 30 }),
    ends(3, true, { producerId: 999_999 }),
    ends(3, true, { producerEpoch: 30 }),
    sends(0),
    sends(0, 9, { isTransactional: false }),
    adds('each', {}, [{ name: t0, partitions: [0, 9] }]),
    adds('each', {}, [
      { name: own('missing'), partitions: [0] },
      { name: t0, partitions: [0] },
    ]),
    adds('each', {}, []),
    adds('each'),
    sends(0, 9, { isTransactional: false }),
    sends(0, 9, {}, own('other')),
    sends(0, 9, {}, null),
    ends(3, true),
    adds(3, {}, undefined, settled),
    ends(3, false),
  ]),
  rowScript('transaction-offsets', [
    creates('t0'),
    begins(4),
    commitsInside('each'),
    row('AddOffsetsToTxn', 'each', offsetsOf(own('g'))),
    row('AddOffsetsToTxn', 3, { ...offsetsOf(own('g')), transactionalId: own('unknown') }),
    row('AddOffsetsToTxn', 3, { ...offsetsOf('') }),
    commitsInside(3),
    commitsInside(3, { generationId: 4, memberId: 'nobody' }),
    commitsInside(3, { memberId: 'nobody' }),
    commitsInside(3, { groupInstanceId: 'one' }),
    commitsInside(3, { producerEpoch: 30 }),
    commitsInside(3, {
      topics: [
        { name: own('missing'), partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }] },
      ],
    }),
    commitsInside(3, {
      topics: [
        { name: t0, partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: 'x'.repeat(4097) }] },
      ],
    }),
    fetchesOffsets(true),
    fetchesOffsets(false),
    ends(3, true),
    row('AddOffsetsToTxn', 3, offsetsOf(own('g')), { untilZero: 'errorCode' }),
    row(
      'OffsetFetch',
      8,
      { groups: [{ groupId: own('g'), topics: [{ name: t0, partitionIndexes: [0] }] }], requireStable: true },
      { untilZero: 'groups.0.topics.0.partitions.0.errorCode' },
    ),
    commitsInside(3, {
      topics: [{ name: t0, partitions: [{ partitionIndex: 0, committedOffset: 44, committedMetadata: 'never' }] }],
    }),
    ends(3, false),
    row(
      'OffsetFetch',
      8,
      { groups: [{ groupId: own('g'), topics: [{ name: t0, partitionIndexes: [0] }] }], requireStable: true },
      { untilZero: 'groups.0.topics.0.partitions.0.errorCode' },
    ),
    row('JoinGroup', 9, {
      groupId: own('g'),
      sessionTimeoutMs: 60_000,
      rebalanceTimeoutMs: 60_000,
      memberId: '',
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: subscription }],
    }),
  ]),
  rowScript('describing-transactions', [
    row('DescribeTransactions', 0, { transactionalIds: [own('unknown'), ''] }),
    row('DescribeTransactions', 0, { transactionalIds: [] }),
    row('DescribeProducers', 0, { topics: [{ name: own('missing'), partitionIndexes: [0] }] }),
    row('DescribeProducers', 0, { topics: [] }),
    row('ListTransactions', 'each', { stateFilters: [], producerIdFilters: [987_654] }),
    row('ListTransactions', 'last', { stateFilters: [], producerIdFilters: [], transactionalIdPattern: '[' }),
    row('ListTransactions', 'last', { stateFilters: [], producerIdFilters: [], transactionalIdPattern: 'none.*' }),
    row('ListTransactions', 'last', { stateFilters: [], producerIdFilters: [], durationFilter: 0 }),
  ]),
];
