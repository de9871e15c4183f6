import { createServer, type Server, type Socket } from 'node:net';
import { type Admin, ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DeskRig, dialled, makeDesk } from './desk-client.ts';

/** Frames of one socket to the desk, one at a time, answers back. */
function serve(socket: Socket, desk: DeskRig['desk'], port: number): void {
  let bytes = Buffer.alloc(0);
  let last = Promise.resolve();
  socket.on('data', (chunk) => {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0)) {
      const frame = Uint8Array.from(bytes.subarray(4, 4 + bytes.readInt32BE(0)));
      bytes = bytes.subarray(4 + frame.length);
      last = last.then(async () => {
        const reply = await desk.handleFrame(frame, { ...dialled, local: { host: '127.0.0.1', port } });
        if (reply === null) socket.destroy();
        else socket.write(reply);
      });
    }
  });
  socket.on('error', () => socket.destroy());
}

describe('the admin client of kafkajs', () => {
  let rig: DeskRig;
  let server: Server;
  let admin: Admin;

  beforeAll(async () => {
    rig = await makeDesk();
    server = createServer((socket) => serve(socket, rig.desk, portOf(server)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const brokers = [`127.0.0.1:${portOf(server)}`];
    admin = new Kafka({ clientId: 'test', brokers, logLevel: logLevel.NOTHING, retry: { retries: 1 } }).admin();
    await admin.connect();
  });
  afterAll(async () => {
    await admin.disconnect();
    await new Promise((resolve) => server.close(resolve));
  });

  it('creates, describes, grows and deletes topics', async () => {
    const configEntries = [{ name: 'cleanup.policy', value: 'compact' }];
    expect(await admin.createTopics({ topics: [{ topic: 'a', numPartitions: 2, configEntries }] })).toBe(true);
    expect(await admin.createTopics({ topics: [{ topic: 'a' }] })).toBe(false);
    expect(await admin.listTopics()).toEqual(['a']);
    await admin.createPartitions({ topicPartitions: [{ topic: 'a', count: 3 }] });
    const { topics } = await admin.fetchTopicMetadata({ topics: ['a'] });
    expect(topics[0]?.partitions.map(({ partitionId, leader }) => [partitionId, leader])).toEqual([
      [0, 1],
      [1, 1],
      [2, 1],
    ]);
    const resources = [{ type: ConfigResourceTypes.TOPIC, name: 'a', configNames: ['cleanup.policy'] }];
    const { resources: described } = await admin.describeConfigs({ resources, includeSynonyms: false });
    expect(described[0]?.configEntries[0]).toMatchObject({ configName: 'cleanup.policy', configValue: 'compact' });
    await admin.deleteTopics({ topics: ['a'] });
    expect(await admin.listTopics()).toEqual([]);
  });

  it('describes the cluster', async () => {
    const cluster = await admin.describeCluster();
    expect(cluster).toMatchObject({ controller: 1, clusterId: rig.controller.catalog.clusterId });
    expect(cluster.brokers).toEqual([{ nodeId: 1, host: '127.0.0.1', port: portOf(server) }]);
  });
});

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
