/** Logins over the wire (SASL): what a client may send before it is known, how it is refused, and how it logs in again. */
import { describe, expect, test } from 'vitest';
import type { Api } from '../../src/protocol/api.ts';
import { errorCode } from '../../src/protocol/errors.ts';
import { metadata, OPERATIONS_NOT_ASKED } from '../../src/protocol/schemas/03-metadata.ts';
import { describeGroups } from '../../src/protocol/schemas/15-describe-groups.ts';
import { saslHandshake } from '../../src/protocol/schemas/17-sasl-handshake.ts';
import { apiVersions } from '../../src/protocol/schemas/18-api-versions.ts';
import { createTopics } from '../../src/protocol/schemas/19-create-topics.ts';
import { txnOffsetCommit } from '../../src/protocol/schemas/28-txn-offset-commit.ts';
import { describeLogDirs } from '../../src/protocol/schemas/35-describe-log-dirs.ts';
import { saslAuthenticate } from '../../src/protocol/schemas/36-sasl-authenticate.ts';
import { alterClientQuotas } from '../../src/protocol/schemas/49-alter-client-quotas.ts';
import { describeUserScramCredentials } from '../../src/protocol/schemas/50-describe-user-scram-credentials.ts';
import { alterUserScramCredentials } from '../../src/protocol/schemas/51-alter-user-scram-credentials.ts';
import {
  newSalt,
  SCRAM_SHA_256,
  SCRAM_SHA_512,
  type ScramMechanism,
  saltPassword,
} from '../../src/protocol/scram-keys.ts';
import { topicWish } from '../apis/desk-client.ts';
import { scramTalk } from '../security/scram-client.ts';
import type { SimulatedClient } from '../support/simulated-client.ts';
import { batchOf, createTopic, produceTo } from '../support/simulated-deeds.ts';
import { restart, startRig } from './behaviour-rig.ts';

const JAAS =
  'org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="wonder" user_bob="builder" user_ANONYMOUS="x";';
const SASL = [
  'listeners=SASL_PLAINTEXT://127.0.0.1:9092',
  'sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
  `listener.name.sasl_plaintext.plain.sasl.jaas.config=${JAAS}`,
];
const DELAY_MS = 100;
const METADATA = { topics: [], allowAutoTopicCreation: false };
const VERSIONS = { clientSoftwareName: 'test', clientSoftwareVersion: '1' };
const plain = (user: string, password: string) => Buffer.from(`\0${user}\0${password}`);

function authenticate(client: SimulatedClient, token: Uint8Array, version = 2) {
  return client.ask(saslAuthenticate, version, { authBytes: token });
}

async function logIn(client: SimulatedClient, user = 'alice', password = 'wonder') {
  const { errorCode: refused } = await client.ask(saslHandshake, 1, { mechanism: 'PLAIN' });
  expect(refused).toBe(errorCode.NONE);
  return await authenticate(client, plain(user, password));
}

async function addUser(client: SimulatedClient, mechanism: ScramMechanism, name: string, password: string) {
  const [salt, iterations] = [newSalt(), 4096];
  const saltedPassword = await saltPassword(mechanism, password, salt, iterations);
  const upsertions = [{ name, mechanism: mechanism.code, iterations, salt, saltedPassword }];
  // Salting runs on another thread: it was awaited before the broker's turns.
  const { results } = await client.ask(alterUserScramCredentials, 0, { deletions: [], upsertions });
  return results;
}

async function scramIn(client: SimulatedClient, mechanism: ScramMechanism, user: string, password: string) {
  expect((await client.ask(saslHandshake, 1, { mechanism: mechanism.name })).errorCode).toBe(errorCode.NONE);
  let last = -1;
  await scramTalk(mechanism, user, password, async (token) => {
    client.send(saslAuthenticate, 2, { authBytes: token });
    await client.broker.settle();
    await client.broker.pass(DELAY_MS);
    const answer = client.receive(saslAuthenticate, 2);
    last = answer.errorCode;
    return answer.authBytes;
  });
  return last;
}

/** Sends, and says whether the broker closed instead of answering. */
async function closes(client: SimulatedClient, send: () => void, afterMs = 0): Promise<boolean> {
  send();
  await client.broker.settle();
  if (afterMs > 0) {
    expect(client.isClosed, 'not before the pause').toBe(false);
    await client.broker.pass(afterMs);
  }
  return client.isClosed && client.takeFrame() === null;
}

describe('logging in', () => {
  test('by PLAIN: ApiVersions, SaslHandshake, SaslAuthenticate, and then anything', async () => {
    const { client } = await startRig({ sets: SASL });
    expect((await client.ask(apiVersions, 3, VERSIONS)).errorCode).toBe(errorCode.NONE);
    const handshake = await client.ask(saslHandshake, 1, { mechanism: 'PLAIN' });
    expect(handshake).toEqual({ errorCode: 0, mechanisms: ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] });
    const answer = await authenticate(client, plain('alice', 'wonder'));
    expect(answer).toMatchObject({ errorCode: 0, errorMessage: null, sessionLifetimeMs: 0 });
    const topic = await createTopic(client, 'mine');
    expect((await produceTo(client, topic, batchOf())).errorCode).toBe(errorCode.NONE);
  });

  test('without asking for versions, and with tokens that come bare behind SaslHandshake 0', async () => {
    const { client, broker } = await startRig({ sets: SASL });
    expect((await client.ask(saslHandshake, 0, { mechanism: 'PLAIN' })).errorCode).toBe(errorCode.NONE);
    const token = plain('bob', 'builder');
    const frame = Buffer.alloc(4 + token.length);
    frame.writeInt32BE(token.length);
    frame.set(token, 4);
    client.socket.write(frame);
    await broker.settle();
    expect(client.takeFrame()).toEqual(new Uint8Array(0));
    expect((await client.ask(metadata, 9, METADATA)).brokers).toHaveLength(1);
  });

  test('by SCRAM, with users that a client has made and that outlive the broker', async () => {
    const rig = await startRig({ sets: SASL });
    await logIn(rig.client);
    for (const mechanism of [SCRAM_SHA_256, SCRAM_SHA_512]) {
      expect(await addUser(rig.client, mechanism, 'carol', 'secret')).toEqual([
        { user: 'carol', errorCode: 0, errorMessage: null },
      ]);
      expect(await scramIn(rig.broker.connect(), mechanism, 'carol', 'secret')).toBe(errorCode.NONE);
      expect(await scramIn(rig.broker.connect(), mechanism, 'carol', 'Secret')).toBe(
        errorCode.SASL_AUTHENTICATION_FAILED,
      );
      expect(await scramIn(rig.broker.connect(), mechanism, 'nobody', 'x')).toBe(errorCode.SASL_AUTHENTICATION_FAILED);
    }
    const again = await restart(rig, 'kill', { sets: SASL });
    expect(await scramIn(again.client, SCRAM_SHA_512, 'carol', 'secret')).toBe(errorCode.NONE);
    const { results } = await again.client.ask(describeUserScramCredentials, 0, { users: null });
    expect(results).toEqual([
      {
        user: 'carol',
        errorCode: 0,
        errorMessage: null,
        credentialInfos: [
          { mechanism: 1, iterations: 4096 },
          { mechanism: 2, iterations: 4096 },
        ],
      },
    ]);
  });

  test('in the smallest pieces, and with the next request right behind the last token', async () => {
    const { broker } = await startRig({ sets: SASL });
    const client = broker.connect({ receiveBytesMax: 1 });
    client.send(saslHandshake, 1, { mechanism: 'PLAIN' });
    client.send(saslAuthenticate, 2, { authBytes: plain('alice', 'wonder') });
    client.send(metadata, 9, METADATA);
    await broker.settle();
    expect(client.receive(saslHandshake, 1).errorCode).toBe(errorCode.NONE);
    expect(client.receive(saslAuthenticate, 2).errorCode).toBe(errorCode.NONE);
    expect(client.receive(metadata, 9).brokers).toHaveLength(1);
  });
});

describe('before a client is known', () => {
  test('every other request closes the connection, also those that the front answers', async () => {
    const { broker, client } = await startRig({ sets: SASL });
    expect(await closes(client, () => client.send(metadata, 9, METADATA))).toBe(true);
    const second = broker.connect();
    await second.ask(apiVersions, 3, VERSIONS);
    expect(await closes(second, () => second.send(alterClientQuotas, 1, { entries: [], validateOnly: false }))).toBe(
      true,
    );
    const third = broker.connect();
    expect(await closes(third, () => third.send(saslAuthenticate, 2, { authBytes: plain('alice', 'wonder') }))).toBe(
      true,
    );
    const fourth = broker.connect();
    await fourth.ask(saslHandshake, 1, { mechanism: 'PLAIN' });
    fourth.send(createTopics, 7, { topics: [topicWish('never')], timeoutMs: 1000, validateOnly: false });
    await broker.settle();
    await broker.pass(DELAY_MS);
    expect(fourth.receive(createTopics, 7).topics).toMatchObject([
      { name: 'never', errorCode: errorCode.ILLEGAL_SASL_STATE },
    ]);
    expect(fourth.isClosed).toBe(true);
    const fifth = broker.connect();
    await fifth.ask(apiVersions, 3, VERSIONS);
    expect(await closes(fifth, () => fifth.send(apiVersions, 3, VERSIONS))).toBe(true);
    // What takes long to answer is not answered to a stranger.
    const sixth = broker.connect();
    await sixth.ask(saslHandshake, 1, { mechanism: 'PLAIN' });
    sixth.send(describeGroups, 5, { groups: new Array<string>(5000).fill(''), includeAuthorizedOperations: false });
    await broker.settle();
    await broker.pass(DELAY_MS);
    expect([sixth.hasAnswer, sixth.isClosed]).toEqual([false, true]);
  });

  test('and who does not say who he is learns nothing of the broker and of its topics', async () => {
    const { client, broker } = await startRig({ sets: SASL });
    await logIn(client);
    await createTopic(client, 'secret');
    const askEarly = async <Input, Output>(
      api: Api<unknown, Input, Output>,
      version: number,
      request: Input,
    ): Promise<Output> => {
      const stranger = broker.connect();
      await stranger.ask(saslHandshake, 1, { mechanism: 'PLAIN' });
      stranger.send(api, version, request);
      await broker.settle();
      await broker.pass(DELAY_MS);
      return stranger.receive(api, version);
    };
    const told = await askEarly(metadata, 9, { ...METADATA, includeClusterAuthorizedOperations: true });
    expect(told).toMatchObject({ brokers: [], clusterId: null, controllerId: -1, topics: [] });
    expect(told.clusterAuthorizedOperations).toBe(OPERATIONS_NOT_ASKED);
    expect((await askEarly(describeLogDirs, 4, { topics: null })).results).toEqual([]);
    const topics = ['secret', 'other'].map((name) => ({ name, partitions: [] }));
    const commit = { transactionalId: 't', groupId: 'g', producerId: 1, producerEpoch: 0, topics };
    expect((await askEarly(txnOffsetCommit, 0, commit)).topics).toEqual(topics);
  });

  test('ApiVersions may be asked again after an error', async () => {
    const { client } = await startRig({ sets: SASL });
    expect((await client.ask(apiVersions, 3, { clientSoftwareName: '', clientSoftwareVersion: '' })).errorCode).toBe(
      errorCode.INVALID_REQUEST,
    );
    expect((await client.ask(apiVersions, 3, VERSIONS)).errorCode).toBe(errorCode.NONE);
    expect((await logIn(client)).errorCode).toBe(errorCode.NONE);
  });

  test('no frame may be large, and one of a broken length closes', async () => {
    const { broker, client } = await startRig({
      sets: [...SASL, 'listener.name.sasl_plaintext.sasl.server.max.receive.size=2000'],
    });
    for (const length of [2001, 100_000_000, -1, 0]) {
      const stranger = broker.connect();
      const prefix = Buffer.alloc(4);
      prefix.writeInt32BE(length);
      stranger.socket.write(prefix);
      await broker.settle();
      expect(stranger.isClosed, `${length}`).toBe(true);
    }
    const almost = Buffer.alloc(2004, 0x41);
    almost.writeInt32BE(2000);
    client.socket.write(almost);
    await broker.settle();
    expect(client.isClosed).toBe(true);
    const known = broker.connect();
    await logIn(known);
    const topic = await createTopic(known, 'large');
    expect((await produceTo(known, topic, batchOf({ valueBytes: 10_000 }))).errorCode).toBe(errorCode.NONE);
  });

  test('an unknown mechanism is told those that there are, after a pause', async () => {
    const { client, broker } = await startRig({ sets: SASL });
    client.send(saslHandshake, 1, { mechanism: 'GSSAPI' });
    await broker.settle();
    expect(client.hasAnswer).toBe(false);
    await broker.pass(DELAY_MS);
    expect(client.receive(saslHandshake, 1)).toEqual({
      errorCode: errorCode.UNSUPPORTED_SASL_MECHANISM,
      mechanisms: ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'],
    });
    expect(client.isClosed).toBe(true);
  });

  test('a wrong password and an unknown user are refused in the same words, after a pause, and closed', async () => {
    const { broker } = await startRig({ sets: SASL });
    for (const [user, password] of [
      ['alice', 'builder'],
      ['eve', 'wonder'],
    ] as const) {
      const client = broker.connect();
      await client.ask(saslHandshake, 1, { mechanism: 'PLAIN' });
      client.send(saslAuthenticate, 2, { authBytes: plain(user, password) });
      await broker.settle();
      expect(client.hasAnswer, 'not before the pause').toBe(false);
      await broker.pass(DELAY_MS);
      const answer = client.receive(saslAuthenticate, 2);
      expect(answer).toMatchObject({
        errorCode: errorCode.SASL_AUTHENTICATION_FAILED,
        errorMessage: 'Authentication failed: Invalid username or password',
      });
      expect(client.isClosed).toBe(true);
    }
    expect(broker.plane.loginCounts).toEqual({ done: 0, failed: 2 });
  });

  test('what anybody sends closes his connection and nothing else', async () => {
    const { broker, client, world } = await startRig({ sets: SASL });
    await logIn(client);
    for (let round = 0; round < 300; round++) {
      const stranger = broker.connect();
      if (world.random.nextInt(2) === 0)
        await stranger.ask(saslHandshake, world.random.nextInt(2), { mechanism: 'SCRAM-SHA-256' });
      const body = world.randomBytes(1 + world.random.nextInt(60));
      const frame = Buffer.alloc(4 + body.length);
      frame.writeInt32BE(body.length);
      frame.set(body, 4);
      stranger.socket.write(frame);
      await broker.settle();
    }
    await broker.pass(DELAY_MS * 2);
    expect((await client.ask(metadata, 9, METADATA)).brokers).toHaveLength(1);
    expect(broker.clients.filter((one) => !one.isClosed).length).toBe(1);
  });
});

describe('once a client is known', () => {
  test('the requests of a login are refused, and the connection stays', async () => {
    const { client } = await startRig({ sets: SASL });
    await logIn(client);
    expect(await client.ask(saslHandshake, 1, { mechanism: 'PLAIN' })).toEqual({
      errorCode: errorCode.ILLEGAL_SASL_STATE,
      mechanisms: [],
    });
    expect((await authenticate(client, plain('alice', 'wonder'))).errorCode).toBe(errorCode.ILLEGAL_SASL_STATE);
    expect((await client.ask(metadata, 9, METADATA)).brokers).toHaveLength(1);
  });

  test('so they are on a listener that asks for no login', async () => {
    const { client } = await startRig();
    expect((await client.ask(saslHandshake, 1, { mechanism: 'PLAIN' })).errorCode).toBe(errorCode.ILLEGAL_SASL_STATE);
    expect((await authenticate(client, plain('alice', 'wonder'))).errorCode).toBe(errorCode.ILLEGAL_SASL_STATE);
    expect((await client.ask(metadata, 9, METADATA)).brokers).toHaveLength(1);
  });

  test('quotas are of the user that has logged in', async () => {
    const { broker, client } = await startRig({ sets: SASL });
    await logIn(client);
    const topic = await createTopic(client, 'metered');
    const entity = [{ entityType: 'user', entityName: 'bob' }];
    const ops = [{ key: 'producer_byte_rate', value: 100, remove: false }];
    await client.ask(alterClientQuotas, 1, { entries: [{ entity, ops }], validateOnly: false });
    const bob = broker.connect();
    await logIn(bob, 'bob', 'builder');
    expect((await produceTo(client, topic, batchOf({ valueBytes: 5000 }))).errorCode).toBe(errorCode.NONE);
    expect(broker.front.connections.open.filter((one) => one.mutedUntilMs > 0)).toHaveLength(0);
    await produceTo(bob, topic, batchOf({ valueBytes: 5000 }));
    expect(broker.front.connections.open.filter((one) => one.mutedUntilMs > 0)).toHaveLength(1);
  });
});

describe('logging in again', () => {
  const REAUTH = [
    ...SASL,
    'connections.max.reauth.ms=5000',
    'listener.name.sasl_plaintext.scram-sha-256.connections.max.reauth.ms=2000',
  ];

  test('the login is good for as long as it was told, and a new one makes it longer', async () => {
    const { broker, client } = await startRig({ sets: REAUTH });
    expect((await logIn(client)).sessionLifetimeMs).toBe(5000);
    await broker.pass(4000, 1000);
    expect((await client.ask(metadata, 9, METADATA)).brokers).toHaveLength(1);
    expect((await logIn(client)).sessionLifetimeMs).toBe(5000);
    await broker.pass(4000, 1000);
    expect((await client.ask(metadata, 9, METADATA)).brokers).toHaveLength(1);
    await broker.pass(1001, 1001);
    expect(await closes(client, () => client.send(metadata, 9, METADATA))).toBe(true);
  });

  test('also when it has expired already, but not twice within a second', async () => {
    const { broker, client } = await startRig({ sets: REAUTH });
    await logIn(client);
    await broker.pass(6000, 1000);
    expect((await logIn(client)).errorCode).toBe(errorCode.NONE);
    expect((await client.ask(saslHandshake, 1, { mechanism: 'PLAIN' })).errorCode).toBe(errorCode.ILLEGAL_SASL_STATE);
    await broker.pass(1000, 1000);
    expect((await logIn(client)).errorCode).toBe(errorCode.NONE);
  });

  test('nothing else may come in between', async () => {
    const { client } = await startRig({ sets: REAUTH });
    await logIn(client);
    await client.ask(saslHandshake, 1, { mechanism: 'PLAIN' });
    client.send(metadata, 9, METADATA);
    await client.broker.settle();
    await client.broker.pass(DELAY_MS);
    expect(client.isClosed).toBe(true);
  });

  test('nobody becomes another, or changes how he logs in', async () => {
    const { broker, client } = await startRig({ sets: REAUTH });
    await logIn(client);
    await client.ask(saslHandshake, 1, { mechanism: 'PLAIN' });
    client.send(saslAuthenticate, 2, { authBytes: plain('bob', 'builder') });
    await broker.settle();
    await broker.pass(DELAY_MS);
    expect(client.receive(saslAuthenticate, 2)).toMatchObject({
      errorCode: errorCode.SASL_AUTHENTICATION_FAILED,
      errorMessage: 'Cannot change principals during re-authentication from User.alice: User.bob',
    });
    expect(client.isClosed).toBe(true);
    const other = broker.connect();
    await logIn(other);
    await other.ask(saslHandshake, 1, { mechanism: 'SCRAM-SHA-256' });
    other.send(saslAuthenticate, 2, { authBytes: Buffer.from('n,,n=alice,r=abc') });
    await broker.settle();
    await broker.pass(DELAY_MS);
    expect(other.receive(saslAuthenticate, 2)).toMatchObject({
      errorCode: errorCode.SASL_AUTHENTICATION_FAILED,
      errorMessage:
        "SASL mechanism 'SCRAM-SHA-256' requested by client is not supported for re-authentication of mechanism 'PLAIN'",
    });
    expect(other.isClosed).toBe(true);
  });
});
