/**
 * Requests and responses: the hand-written cursors and writers of Produce and Fetch, which may make nothing, beside codecs
 * compiled from a schema, which make the objects that the control plane works with.
 */
import { decodeRequest, encodeRequest } from '../../src/protocol/compile.ts';
import { FetchCursor } from '../../src/protocol/fetch-cursor.ts';
import { FetchResponseWriter } from '../../src/protocol/fetch-writer.ts';
import { ProduceCursor } from '../../src/protocol/produce-cursor.ts';
import { ProduceResponseWriter } from '../../src/protocol/produce-writer.ts';
import { Reader } from '../../src/protocol/reader.ts';
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { fetch } from '../../src/protocol/schemas/01-fetch.ts';
import { offsetCommit } from '../../src/protocol/schemas/08-offset-commit.ts';
import { heartbeat } from '../../src/protocol/schemas/12-heartbeat.ts';
import { Writer } from '../../src/protocol/writer.ts';
import type { Subject } from './subject.ts';

const PARTITIONS = 16;
const CALLS = 32;
const BODY_BYTES_MAX = 65_536;
const PRODUCE_VERSION = 12;
const FETCH_VERSION = 12;
const TOPIC = 'orders';
const noAborted = new Float64Array(0);

export function wireSubjects(): Subject[] {
  return [produceRequest(), produceResponse(), fetchRequest(), fetchResponse(), ...compiledCodecs()];
}

interface Body {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

function bodyOf(write: (writer: Writer) => void): Body {
  const writer = new Writer(BODY_BYTES_MAX);
  write(writer);
  const body = emptyBody(writer.written().length);
  body.bytes.set(writer.written());
  return body;
}

function emptyBody(length: number): Body {
  const bytes = new Uint8Array(new SharedArrayBuffer(length));
  return { bytes, view: new DataView(bytes.buffer) };
}

/** Bodies of requests, as cursors get them: without header and length. */
function produceBody(): Body {
  const partitions = Array.from({ length: PARTITIONS }, (_, partitionIndex) => ({
    partitionIndex,
    records: new Uint8Array(1024),
  }));
  const topics = [{ name: TOPIC, partitions }];
  const request = { transactionalId: null, acks: -1, timeoutMs: 30_000, topics };
  return bodyOf((writer) => encodeRequest(produce, PRODUCE_VERSION, request, writer));
}

function fetchBody(): Body {
  const partitions = Array.from({ length: PARTITIONS }, (_, partitionIndex) => ({
    partitionIndex,
    currentLeaderEpoch: -1,
    fetchOffset: 1000 + partitionIndex,
    logStartOffset: -1,
    partitionMaxBytes: 1 << 20,
  }));
  const request = {
    replicaId: -1,
    maxWaitMs: 500,
    minBytes: 1,
    maxBytes: 1 << 20,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [{ name: TOPIC, partitions }],
    rackId: '',
  };
  return bodyOf((writer) => encodeRequest(fetch, FETCH_VERSION, request, writer));
}

function perPartition(name: string, call: () => void): Subject {
  const run = (): void => {
    for (let index = 0; index < CALLS; index++) call();
  };
  return { name: `${name}, a partition of ${PARTITIONS}`, operations: CALLS * PARTITIONS, isHot: true, run };
}

function produceRequest(): Subject {
  const { bytes, view } = produceBody();
  const cursor = new ProduceCursor();
  let sum = 0;
  return perPartition('produce request: validated and walked', () => {
    cursor.begin(bytes, view, 0, bytes.length, PRODUCE_VERSION);
    if (!cursor.validate()) throw new Error('the request is sound');
    while (cursor.nextTopic()) while (cursor.nextPartition()) sum = (sum + cursor.recordsAt) | 0;
  });
}

function produceResponse(): Subject {
  const { bytes, view } = produceBody();
  const cursor = new ProduceCursor();
  cursor.begin(bytes, view, 0, bytes.length, PRODUCE_VERSION);
  cursor.validate();
  const out = emptyBody(BODY_BYTES_MAX);
  const writer = new ProduceResponseWriter();
  let offset = 0;
  return perPartition('produce response: written', () => {
    writer.open(out.bytes, out.view, 0, out.bytes.length, cursor, 7);
    for (let index = 0; index < PARTITIONS; index++) writer.partition(0, offset++, -1, 0, -1, null, null);
    writer.close(0);
  });
}

function fetchRequest(): Subject {
  const { bytes, view } = fetchBody();
  const cursor = new FetchCursor();
  let sum = 0;
  return perPartition('fetch request: validated and walked', () => {
    cursor.begin(bytes, view, 0, bytes.length, FETCH_VERSION);
    if (!cursor.validate()) throw new Error('the request is sound');
    while (cursor.nextTopic()) while (cursor.nextPartition()) sum = (sum + cursor.fetchOffset) | 0;
  });
}

function fetchResponse(): Subject {
  const name = Buffer.from(TOPIC);
  const out = emptyBody(BODY_BYTES_MAX);
  const writer = new FetchResponseWriter();
  let offset = 0;
  return perPartition('fetch response: written', () => {
    writer.open(out.bytes, out.view, 0, out.bytes.length, FETCH_VERSION, 7, 0, 0, 0, 1);
    writer.topicByName(name, 0, name.length, PARTITIONS);
    for (let index = 0; index < PARTITIONS; index++) {
      writer.partition(index, 0, offset, offset, 0, -1, noAborted, 0, -1, 1024);
      offset++;
    }
    writer.close();
  });
}

function compiledCodecs(): Subject[] {
  const beat = { groupId: 'group', generationId: 3, memberId: 'member-0123456789', groupInstanceId: null };
  const partitions = Array.from({ length: PARTITIONS }, (_, partitionIndex) => ({
    partitionIndex,
    committedOffset: 5_000_000 + partitionIndex,
    committedMetadata: '',
  }));
  const commit = {
    groupId: 'group',
    generationIdOrMemberEpoch: 3,
    memberId: 'member-0123456789',
    topics: [{ name: TOPIC, partitions }],
  };
  const beatBody = bodyOf((writer) => encodeRequest(heartbeat, 4, beat, writer));
  const writer = new Writer(BODY_BYTES_MAX);
  const commitBody = bodyOf((writer) => encodeRequest(offsetCommit, 9, commit, writer));
  return [
    compiled('Heartbeat request decoded', () => decodeRequest(heartbeat, 4, readerOf(beatBody))),
    compiled('Heartbeat request encoded', () => {
      writer.reset();
      encodeRequest(heartbeat, 4, beat, writer);
    }),
    compiled(`OffsetCommit of ${PARTITIONS} partitions decoded`, () =>
      decodeRequest(offsetCommit, 9, readerOf(commitBody)),
    ),
  ];
}

function readerOf({ bytes, view }: Body): Reader {
  return new Reader(bytes, view, 0, bytes.length);
}

function compiled(name: string, call: () => unknown): Subject {
  const run = (): void => {
    for (let index = 0; index < CALLS; index++) call();
  };
  return { name: `compiled codec: ${name}`, operations: CALLS, isHot: false, run };
}
