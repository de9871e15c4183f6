/** Requests as clients of others wrote them: recorded from their sockets, without the length prefix. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeRequest, encodeRequest } from '../../src/protocol/compile.ts';
import { FetchCursor } from '../../src/protocol/fetch-cursor.ts';
import { encodeRequestHeader, RequestHeader } from '../../src/protocol/header.ts';
import { ProduceCursor } from '../../src/protocol/produce-cursor.ts';
import { Reader } from '../../src/protocol/reader.ts';
import { Registry } from '../../src/protocol/registry.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { everyApi } from './schemas.ts';

interface Fixture {
  readonly client: string;
  readonly api: string;
  readonly version: number;
  readonly frame: string;
}

const fixtures: readonly Fixture[] = JSON.parse(
  readFileSync(new URL('./fixtures/requests.json', import.meta.url), 'utf8'),
);
const registry = new Registry(everyApi);
const topicId = 'AAECAwQFBgcICQoLDA0ODw';

/** What a request must say, whoever sent it; only what all versions that were recorded have in common. */
const meanings: Readonly<Record<string, unknown>> = {
  Produce: { acks: -1, topics: [{ name: 'orders' }] },
  Metadata: {},
  CreateTopics: { topics: [{ name: 'orders', assignments: [] }], validateOnly: false },
  CreatePartitions: { topics: [{ name: 'orders', count: 4, assignments: null }], validateOnly: false },
  ListOffsets: { replicaId: -1, topics: [{ name: 'orders' }] },
  /** One client sends 0 for id and epoch where others send -1: without a transactional id they must not matter. */
  InitProducerId: { transactionalId: null },
  FindCoordinator: { key: 'g', keyType: 0 },
  JoinGroup: { groupId: 'g', memberId: '', protocolType: 'consumer', groupInstanceId: null },
  SyncGroup: { groupId: 'g', generationId: 1, memberId: 'm', assignments: [{ memberId: 'm' }] },
  Heartbeat: { groupId: 'g', generationId: 1, memberId: 'm' },
  OffsetCommit: {
    groupId: 'g',
    generationIdOrMemberEpoch: 1,
    topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, committedOffset: 5 }] }],
  },
  LeaveGroup: { groupId: 'g' },
  DescribeGroups: { groups: ['g'] },
  ListGroups: { typesFilter: [] },
};

function opened(fixture: Fixture): { bytes: Uint8Array; view: DataView; header: RequestHeader } {
  const bytes = Uint8Array.from(Buffer.from(fixture.frame, 'hex'));
  const view = new DataView(bytes.buffer);
  const header = new RequestHeader(registry.flexibleSince);
  expect(header.parse(bytes, view, 0, bytes.length)).toBe(true);
  expect(header.apiVersion).toBe(fixture.version);
  return { bytes, view, header };
}

describe('requests of real clients', () => {
  it.each(fixtures)('$client: $api v$version is read to its last byte and written again unchanged', (fixture) => {
    const { bytes, view, header } = opened(fixture);
    const api = registry.find(header.apiKey);
    expect(api?.name).toBe(fixture.api);
    if (api === null) return;

    const reader = new Reader(bytes, view, header.bodyAt, bytes.length);
    const request = decodeRequest(api, header.apiVersion, reader);
    expect(reader.remaining).toBe(0);
    expect(request).toMatchObject(meanings[fixture.api] ?? {});

    const clientId = Buffer.from(bytes).toString('utf8', header.clientIdAt, header.clientIdAt + header.clientIdLength);
    const writer = new Writer(1 << 16);
    encodeRequestHeader(api, header.apiVersion, header.correlationId, clientId, writer);
    encodeRequest(api, header.apiVersion, request, writer);
    expect(Buffer.from(writer.written()).toString('hex')).toBe(fixture.frame);
  });

  it.each(fixtures.filter(({ api }) => api === 'Produce'))('$client: the cursor walks Produce v$version', (fixture) => {
    const { bytes, view, header } = opened(fixture);
    const cursor = new ProduceCursor();
    expect(cursor.begin(bytes, view, header.bodyAt, bytes.length, header.apiVersion) && cursor.validate()).toBe(true);
    expect(cursor.transactionalIdLength).toBe(-1);
    expect(cursor.acks).toBe(-1);
    expect(cursor.nextTopic()).toBe(true);
    expect(Buffer.from(bytes).toString('utf8', cursor.nameAt, cursor.nameAt + cursor.nameLength)).toBe('orders');
    expect(cursor.nextPartition()).toBe(true);
    // Magic byte of the one record batch, and its length field.
    expect(bytes[cursor.recordsAt + 16]).toBe(2);
    expect(view.getInt32(cursor.recordsAt + 8)).toBe(cursor.recordsLength - 12);
  });

  it.each(fixtures.filter(({ api }) => api === 'Fetch'))('$client: the cursor walks Fetch v$version', (fixture) => {
    const { bytes, view, header } = opened(fixture);
    const cursor = new FetchCursor();
    expect(cursor.begin(bytes, view, header.bodyAt, bytes.length, header.apiVersion) && cursor.validate()).toBe(true);
    expect(cursor.replicaId).toBe(-1);
    expect(cursor.nextTopic()).toBe(true);
    const buffer = Buffer.from(bytes);
    if (cursor.hasTopicIds) {
      expect(buffer.toString('base64url', cursor.topicIdAt, cursor.topicIdAt + 16)).toBe(topicId);
    } else {
      expect(buffer.toString('utf8', cursor.nameAt, cursor.nameAt + cursor.nameLength)).toBe('orders');
    }
    expect(cursor.nextPartition()).toBe(true);
    // The topic has two partitions; a client may ask for either first.
    expect([0, 1]).toContain(cursor.partition);
    expect(cursor.fetchOffset).toBe(0);
  });
});
