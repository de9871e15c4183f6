/** Behaviours 1 to 7: how connections are treated, and what ApiVersions answers whom. */
import { describe, expect, test } from 'vitest';
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { fetch } from '../../src/protocol/schemas/01-fetch.ts';
import { listOffsets } from '../../src/protocol/schemas/02-list-offsets.ts';
import { metadata } from '../../src/protocol/schemas/03-metadata.ts';
import { apiVersions } from '../../src/protocol/schemas/18-api-versions.ts';
import { requestBytes } from '../support/simulated-client.ts';
import {
  batchOf,
  createTopic,
  fetchFrom,
  fetchRequest,
  produceRequest,
  produceTo,
} from '../support/simulated-deeds.ts';
import { startRig } from './behaviour-rig.ts';

/** A request header of version 1 and nothing else, behind its length. */
function headerOnly(key: number, version: number, correlationId: number, clientId: string | null): Uint8Array {
  const name = clientId === null ? null : new TextEncoder().encode(clientId);
  const bytes = new Uint8Array(4 + 10 + (name?.length ?? 0));
  const view = new DataView(bytes.buffer);
  view.setInt32(0, bytes.length - 4);
  view.setInt16(4, key);
  view.setInt16(6, version);
  view.setInt32(8, correlationId);
  view.setInt16(12, name?.length ?? -1);
  if (name !== null) bytes.set(name, 14);
  return bytes;
}

test('behaviour 1: an ApiVersions request of an unknown version gets the body of version 0, error 35 and the range of that very API, under a header of version 0', async () => {
  const { broker, client } = await startRig();
  for (const version of [5, 77, 32767, -1]) {
    client.socket.write(headerOnly(18, version, 4242, 'someone'));
    await broker.settle();
    const frame = client.takeFrame();
    expect(frame && Buffer.from(frame).toString('hex')).toBe(
      ['00001092', '0023', '00000001', '0012', '0000', '0004'].join(''),
    );
  }
  expect(client.isClosed).toBe(false);
});

test('behaviour 2: from version 3 on, a software name or version that is no such thing is INVALID_REQUEST, and the connection stays', async () => {
  const { client } = await startRig();
  const bad = [
    { clientSoftwareName: '', clientSoftwareVersion: '1' },
    { clientSoftwareName: 'a name', clientSoftwareVersion: '1' },
    { clientSoftwareName: 'name', clientSoftwareVersion: '1\n' },
    { clientSoftwareName: '-name', clientSoftwareVersion: '1' },
  ];
  for (const version of [3, 4]) {
    for (const wrong of bad) expect((await client.ask(apiVersions, version, wrong)).errorCode).toBe(42);
    const named = { clientSoftwareName: 'apache-kafka-java', clientSoftwareVersion: '4.3.0' };
    const good = await client.ask(apiVersions, version, named);
    expect(good.errorCode).toBe(0);
    expect(good.apiKeys.find(({ apiKey }) => apiKey === 0)).toEqual({ apiKey: 0, minVersion: 0, maxVersion: 13 });
  }
});

test('behaviour 3: up to version 3 no feature with a minimum of 0 is told', async () => {
  const { client } = await startRig();
  const named = { clientSoftwareName: 'a', clientSoftwareVersion: '1' };
  for (const version of [0, 1, 2, 3]) {
    const { supportedFeatures } = await client.ask(apiVersions, version, version < 3 ? {} : named);
    expect(supportedFeatures.filter(({ minVersion }) => minVersion === 0)).toEqual([]);
  }
});

describe('behaviour 4: what names no request of this broker closes the connection without an answer', () => {
  test.each([
    ['an unknown API key', headerOnly(999, 0, 1, 'x')],
    ['an API key that is not built', headerOnly(67, 0, 1, 'x')],
    ['a version above the range', headerOnly(3, 99, 1, 'x')],
    ['a version below the range', headerOnly(1, 0, 1, 'x')],
    ['Produce in a version that is only advertised', headerOnly(0, 2, 1, 'x')],
    ['a header without its body', headerOnly(3, 5, 1, 'x')],
    ['a data request without its body', headerOnly(0, 7, 1, 'x')],
    ['a header that is cut', Uint8Array.from([0, 0, 0, 4, 0, 3, 0, 5])],
    ['an empty frame', Uint8Array.from([0, 0, 0, 0])],
    ['a negative length', Uint8Array.from([0xff, 0xff, 0xff, 0xff])],
    ['the hello of TLS', Uint8Array.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc])],
  ])('%s', async (_what, bytes) => {
    const { broker, client } = await startRig();
    const other = broker.connect();
    client.socket.write(bytes);
    await broker.settle();
    expect(client.isClosed).toBe(true);
    expect(client.hasAnswer).toBe(false);
    expect((await other.ask(metadata, 1, { topics: null })).topics).toEqual([]);
  });

  test('but a null client id is legal', async () => {
    const { broker, client } = await startRig();
    client.socket.write(headerOnly(18, 0, 7, null));
    await broker.settle();
    expect(client.takeFrame()?.length).toBeGreaterThan(10);
    expect(client.isClosed).toBe(false);
  });
});

test('behaviour 5: answers leave in the order of the requests, and a parked fetch holds back what comes behind it', async () => {
  const { broker, client } = await startRig();
  const topic = await createTopic(client, 'orders');
  client.send(fetch, 12, fetchRequest(topic, [{ offset: 0 }], { maxWaitMs: 500 }));
  client.send(metadata, 9, { topics: [{ name: 'orders' }] });
  client.send(listOffsets, 5, { topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, timestamp: -1 }] }] });
  await broker.settle();
  expect(client.hasAnswer).toBe(false);
  const other = broker.connect();
  await produceTo(other, topic, batchOf({ count: 2 }));
  expect(client.receive(fetch, 12).topics[0]?.partitions[0]?.highWatermark).toBe(2);
  expect(client.receive(metadata, 9).topics[0]?.name).toBe('orders');
  // It was worked on while the fetch was parked: only its answer waited.
  expect(client.receive(listOffsets, 5).topics[0]?.partitions[0]?.errorCode).toBe(0);
});

test('behaviour 5: a hundred requests written at once are answered one by one in their order', async () => {
  const { broker, client } = await startRig({ shortSend: 0.3 });
  const topic = await createTopic(client, 'orders', { partitions: 3 });
  for (let round = 0; round < 100; round++) {
    const parts = [{ partition: round % 3, records: batchOf({ fill: round }) }];
    client.send(produce, 9, produceRequest(topic, parts));
    if (round % 10 === 0) client.send(metadata, 9, { topics: null });
  }
  await broker.settle();
  for (let round = 0; round < 100; round++) {
    const partition = client.receive(produce, 9).topics[0]?.partitions[0];
    expect([partition?.partitionIndex, partition?.baseOffset]).toEqual([round % 3, Math.floor(round / 3)]);
    if (round % 10 === 0) client.receive(metadata, 9);
  }
});

describe('behaviour 6: acks=0 gets no answer', () => {
  test('when all went well, and the next request is answered as usual', async () => {
    const { broker, client } = await startRig();
    const topic = await createTopic(client, 'orders');
    client.send(produce, 9, produceRequest(topic, [{ partition: 0, records: batchOf() }], { acks: 0 }), false);
    await broker.settle();
    expect(client.hasAnswer).toBe(false);
    expect((await fetchFrom(client, topic, 0)).highWatermark).toBe(1);
  });

  test('when one partition failed; then the connection is closed', async () => {
    const { broker, client } = await startRig();
    const topic = await createTopic(client, 'orders');
    const parts = [
      { partition: 0, records: batchOf() },
      { partition: 5, records: batchOf() },
    ];
    client.send(produce, 9, produceRequest(topic, parts, { acks: 0 }), false);
    await broker.settle();
    expect(client.isClosed).toBe(true);
    expect((await fetchFrom(broker.connect(), topic, 0)).highWatermark).toBe(1);
  });
});

test('behaviour 7: acks other than -1, 0 and 1 are INVALID_REQUIRED_ACKS for every partition, and nothing is appended', async () => {
  const { client } = await startRig();
  const topic = await createTopic(client, 'orders', { partitions: 2 });
  for (const acks of [2, -2, 32767]) {
    const parts = [0, 1].map((partition) => ({ partition, records: batchOf() }));
    const answer = await client.ask(produce, 9, produceRequest(topic, parts, { acks }));
    expect(answer.topics[0]?.partitions.map(({ errorCode }) => errorCode)).toEqual([21, 21]);
  }
  expect((await fetchFrom(client, topic, 0)).highWatermark).toBe(0);
});

test('a request that comes byte by byte is a request', async () => {
  const { broker } = await startRig();
  const client = broker.connect({ receiveBytesMax: 1 });
  client.socket.write(requestBytes(metadata, 9, 1, { topics: null }));
  await broker.settle();
  expect(client.takeFrame()?.length).toBeGreaterThan(0);
});
