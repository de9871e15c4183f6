/** Produce, Fetch, ListOffsets and OffsetForLeaderEpoch: every version, and everything that a client can get wrong. */
import { baseTimestampMs, flaws } from '../generated/batches.ts';
import { type RowScript, row, rowScript, saved } from './rows.ts';
import {
  batch,
  creates,
  fetches,
  flawed,
  INT32_MAX,
  NO_ANSWER_MS,
  NO_WAIT_MS,
  own,
  produces,
  RANDOM_UUID,
  ZERO_UUID,
} from './words.ts';

const t0 = own('t0');
const byId = { topicId: saved('id of t0', ZERO_UUID) };

function listOffsets(version: number | 'each', timestamp: number, more: Readonly<Record<string, unknown>> = {}) {
  const { partitionIndex = 0, name = t0, ...rest } = more;
  const topics = [{ name, partitions: [{ partitionIndex, timestamp, currentLeaderEpoch: -1 }] }];
  return row('ListOffsets', version, { replicaId: -1, isolationLevel: 0, topics, timeoutMs: 1_000, ...rest });
}

function epochEnd(version: number | 'each', leaderEpoch: number, currentLeaderEpoch = -1, partitionIndex = 0) {
  const topics = [{ name: t0, partitions: [{ partitionIndex, currentLeaderEpoch, leaderEpoch }] }];
  return row('OffsetForLeaderEpoch', version, { replicaId: -1, topics });
}

export const dataPlaneScripts: readonly RowScript[] = [
  rowScript('produce-each-version', [creates('t0'), produces('each', t0, batch(), byId), fetches(12, t0, 0)]),
  rowScript('produce-codecs', [
    creates('t0'),
    ...[0, 1, 2, 3, 4].flatMap((codec) => [
      produces(7, t0, batch({ codec, count: 5 })),
      produces(3, t0, batch({ codec })),
    ]),
    fetches(12, t0, 0),
    fetches(9, t0, 0),
    fetches(10, t0, 0),
    fetches(4, t0, 0),
  ]),
  rowScript('produce-flaws', [
    creates('t0'),
    ...flaws.flatMap((flaw) => [produces(9, t0, flawed(flaw)), produces(3, t0, flawed(flaw))]),
  ]),
  rowScript('produce-flaws-compressed', [
    creates('t0'),
    ...flaws.map((flaw) => produces(9, t0, batch({ flaw, codec: 3 }))),
    ...flaws.map((flaw) => produces(9, t0, batch({ flaw, codec: 1 }))),
  ]),
  rowScript('produce-acks', [
    creates('t0'),
    produces(9, t0, batch(), { acks: 1 }),
    produces(9, t0, batch(), { acks: 2 }),
    produces(9, t0, batch(), { acks: -2 }),
    produces(9, t0, batch(), { acks: 0 }, { waitMs: NO_WAIT_MS, keepOnSilence: true }),
    fetches(12, t0, 0),
    produces(9, own('missing'), batch(), { acks: 0 }, { waitMs: NO_WAIT_MS, keepOnSilence: true }),
    produces(9, t0, flawed('crc'), { acks: 0 }, { waitMs: NO_WAIT_MS, keepOnSilence: true }),
    fetches(12, t0, 0),
  ]),
  rowScript('produce-where-nothing-is', [
    creates('t0'),
    produces(9, own('missing'), batch()),
    produces(9, t0, batch(), { partition: 7 }),
    produces(9, t0, batch(), { partition: -1 }),
    produces(9, 'a b', batch()),
    produces(9, '', batch()),
    produces(9, 'n'.repeat(300), batch()),
    produces(13, t0, batch(), { topicId: RANDOM_UUID }),
    produces(13, t0, batch(), { topicId: ZERO_UUID }),
    produces(9, t0, null, {}, { waitMs: NO_ANSWER_MS }),
    row('Produce', 9, { transactionalId: null, acks: -1, timeoutMs: 1_000, topics: [] }),
    row('Produce', 9, { transactionalId: null, acks: -1, timeoutMs: 1_000, topics: [{ name: t0, partitions: [] }] }),
  ]),
  rowScript('produce-too-large', [
    creates('t0', { configs: { 'max.message.bytes': '500' } }),
    produces(9, t0, batch({ valueBytes: 10 })),
    produces(9, t0, batch({ valueBytes: 500 })),
    produces(9, t0, batch({ valueBytes: 500, codec: 1, count: 1 })),
    creates('t1', { configs: { 'max.message.bytes': '0' } }),
    produces(9, own('t1'), batch()),
  ]),
  rowScript('produce-timestamps', [
    creates('t0', { configs: { 'message.timestamp.before.max.ms': '3600000' } }),
    produces(9, t0, batch({ dayShift: -3 })),
    produces(3, t0, batch({ dayShift: -3 })),
    produces(9, t0, batch({ dayShift: 30 })),
    creates('t1', { configs: { 'message.timestamp.type': 'LogAppendTime' } }),
    produces(9, own('t1'), batch({ dayShift: 30 })),
    produces(9, own('t1'), batch({ codec: 1 })),
    fetches(12, own('t1'), 0),
  ]),
  rowScript('produce-compacted', [
    creates('t0', { configs: { 'cleanup.policy': 'compact' } }),
    produces(9, t0, batch({ hasKeys: false })),
    produces(7, t0, batch({ hasKeys: false })),
    produces(9, t0, batch()),
    fetches(12, t0, 0),
  ]),
  ...['gzip', 'snappy', 'lz4', 'zstd', 'uncompressed'].map((codec) =>
    rowScript(`produce-recompressed-${codec}`, [
      creates('t0', { configs: { 'compression.type': codec } }),
      produces(9, t0, batch({ count: 3 })),
      produces(9, t0, batch({ codec: 1, count: 3 })),
      produces(9, t0, batch({ codec: 4, count: 3 })),
      fetches(12, t0, 0),
      fetches(9, t0, 0),
    ]),
  ),
  rowScript('produce-idempotent', [
    creates('t0'),
    row('InitProducerId', 1, { transactionalId: null, transactionTimeoutMs: 60_000 }, { save: { pid: 'producerId' } }),
    ...[0, 2, 4, 0, 2, 4, 5, 7, 6, 8, 10, 12, 14, 0, 2].map((baseSequence) =>
      produces(9, t0, batch({ producerId: saved('pid', -1), producerEpoch: 0, baseSequence })),
    ),
    produces(9, t0, batch({ producerId: saved('pid', -1), producerEpoch: 1, baseSequence: 3 })),
    produces(9, t0, batch({ producerId: saved('pid', -1), producerEpoch: 1, baseSequence: 0 })),
    produces(9, t0, batch({ producerId: saved('pid', -1), producerEpoch: 0, baseSequence: 16 })),
    produces(9, t0, batch({ producerId: 123_456_789, producerEpoch: 3, baseSequence: 44 })),
    produces(9, t0, batch({ producerId: saved('pid', -1), producerEpoch: 1, baseSequence: -1 })),
    produces(9, t0, batch({ producerId: saved('pid', -1), producerEpoch: -1, baseSequence: 0 })),
    produces(9, t0, batch({ producerId: -1, producerEpoch: 0, baseSequence: 0 })),
    fetches(12, t0, 0),
  ]),
  rowScript('fetch-each-version', [
    creates('t0'),
    produces(9, t0, batch({ count: 3 })),
    fetches('each', t0, 0, byId),
    fetches('each', t0, 2, { ...byId, isolationLevel: 1 }),
    fetches('each', t0, 3, byId),
    fetches('each', t0, 4, byId),
    fetches('each', t0, -1, byId),
  ]),
  rowScript('fetch-limits', [
    creates('t0'),
    produces(9, t0, batch({ count: 3 })),
    produces(9, t0, batch({ count: 3, valueBytes: 400 })),
    ...[0, 1, 100, 300, 100_000, -1].flatMap((bytes) => [
      fetches(12, t0, 0, { maxBytes: bytes }),
      fetches(12, t0, 0, {}, { partitionMaxBytes: bytes }),
      fetches(12, t0, 3, {}, { partitionMaxBytes: bytes }),
      fetches(12, t0, 0, { minBytes: bytes }),
    ]),
    fetches(12, t0, 0, { maxWaitMs: 30, minBytes: 1_000_000 }),
    fetches(12, t0, 6, { maxWaitMs: 30, minBytes: 1 }),
  ]),
  rowScript('fetch-where-nothing-is', [
    creates('t0'),
    fetches(12, own('missing'), 0),
    fetches(4, own('missing'), 0),
    fetches(12, t0, 0, {}, { partitionIndex: 9 }),
    fetches(13, t0, 0, { topicId: RANDOM_UUID }),
    fetches(13, t0, 0, { topicId: ZERO_UUID }),
    fetches(12, t0, 0, { topics: [] }),
    fetches(12, t0, 0, { isolationLevel: 3 }),
    fetches(12, t0, INT32_MAX),
    fetches(12, 'a b', 0),
  ]),
  rowScript('fetch-epochs', [
    creates('t0'),
    produces(9, t0, batch()),
    ...[-2, -1, 0, 1, 5].map((currentLeaderEpoch) => fetches(12, t0, 0, {}, { currentLeaderEpoch })),
    ...[-1, 0, 1, 5].map((lastFetchedEpoch) => fetches(12, t0, 1, {}, { lastFetchedEpoch })),
    ...[-1, 0, 1].map((currentLeaderEpoch) =>
      listOffsets(5, -1, {
        topics: [{ name: t0, partitions: [{ partitionIndex: 0, timestamp: -1, currentLeaderEpoch }] }],
      }),
    ),
  ]),
  rowScript('fetch-sessions', [
    creates('t0', { partitions: 2 }),
    produces(9, t0, batch()),
    row(
      'Fetch',
      12,
      {
        maxWaitMs: 0,
        minBytes: 0,
        sessionId: 0,
        sessionEpoch: 0,
        topics: [
          {
            name: t0,
            partitions: [0, 1].map((partitionIndex) => ({
              partitionIndex,
              fetchOffset: 0,
              partitionMaxBytes: 1_000_000,
            })),
          },
        ],
      },
      { save: { session: 'sessionId' } },
    ),
    fetches(12, t0, 2, { sessionId: saved('session', 0), sessionEpoch: 1, topics: [] }),
    fetches(12, t0, 2, { sessionId: saved('session', 0), sessionEpoch: 2 }),
    fetches(12, t0, 2, { sessionId: saved('session', 0), sessionEpoch: 2 }),
    fetches(12, t0, 2, { sessionId: saved('session', 0), sessionEpoch: 9 }),
    produces(9, t0, batch()),
    fetches(12, t0, 2, { sessionId: saved('session', 0), sessionEpoch: 3, topics: [] }),
    fetches(12, t0, 2, {
      sessionId: saved('session', 0),
      sessionEpoch: 4,
      topics: [],
      forgottenTopics: [{ name: t0, partitions: [0] }],
    }),
    fetches(12, t0, 2, { sessionId: saved('session', 0), sessionEpoch: 5, topics: [] }),
    fetches(12, own('missing'), 2, { sessionId: saved('session', 0), sessionEpoch: 6 }),
    fetches(12, own('missing'), 2, { sessionId: saved('session', 0), sessionEpoch: 7, topics: [] }),
    fetches(12, t0, 0, { sessionId: saved('session', 0), sessionEpoch: -1 }),
    fetches(12, t0, 0, { sessionId: saved('session', 0), sessionEpoch: 8, topics: [] }),
    fetches(12, t0, 0, { sessionId: 999_999, sessionEpoch: 1 }),
    fetches(12, t0, 0, { sessionId: 999_999, sessionEpoch: -1 }),
    fetches(12, t0, 0, { sessionId: 0, sessionEpoch: 1 }),
    fetches(12, t0, 0, { sessionId: 0, sessionEpoch: -2 }),
  ]),
  rowScript('list-offsets-each-version', [
    creates('t0'),
    ...[-1, -2, -3, -4, -5, -6, -7, baseTimestampMs].map((timestamp) => listOffsets('each', timestamp)),
    produces(9, t0, batch({ count: 3 })),
    produces(9, t0, batch({ count: 3, codec: 3 })),
    ...[-1, -2, -3, -4, -5, -6, -7, 0, baseTimestampMs, baseTimestampMs + 2, baseTimestampMs + 3].map((timestamp) =>
      listOffsets('each', timestamp),
    ),
    listOffsets(5, -1, { isolationLevel: 1 }),
    listOffsets(5, -1, { isolationLevel: 2 }),
    listOffsets(5, -1, { replicaId: -2 }),
    listOffsets(5, -1, { partitionIndex: 8 }),
    listOffsets(5, -1, { name: own('missing') }),
    listOffsets(5, -1, { name: '' }),
    listOffsets(5, -1, { topics: [] }),
    listOffsets(1, -1, {
      topics: [
        {
          name: t0,
          partitions: [
            { partitionIndex: 0, timestamp: -1 },
            { partitionIndex: 0, timestamp: -2 },
          ],
        },
      ],
    }),
  ]),
  rowScript('offset-for-leader-epoch', [
    creates('t0'),
    epochEnd('each', 0),
    produces(9, t0, batch({ count: 3 })),
    ...[-2, -1, 0, 1, INT32_MAX].flatMap((epoch) => [epochEnd('each', epoch), epochEnd(4, 0, epoch)]),
    epochEnd('each', 0, -1, 5),
  ]),
];
