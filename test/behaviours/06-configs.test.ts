/** Behaviours 38 and 39: settings of topics, brokers and groups, changed and described over the wire. */
import { describe, expect, test } from 'vitest';
import { describeConfigs } from '../../src/protocol/schemas/32-describe-configs.ts';
import { alterConfigs } from '../../src/protocol/schemas/33-alter-configs.ts';
import { incrementalAlterConfigs } from '../../src/protocol/schemas/44-incremental-alter-configs.ts';
import { listConfigResources } from '../../src/protocol/schemas/74-list-config-resources.ts';
import type { SimulatedClient } from '../support/simulated-client.ts';
import { batchOf, createTopic, produceTo } from '../support/simulated-deeds.ts';
import { restart, startRig } from './behaviour-rig.ts';

const TOPIC = 2;
const BROKER = 4;
const LOGGER = 8;
const METRICS = 16;
const GROUP = 32;
const SET = 0;
const DELETE = 1;
const APPEND = 2;
const SUBTRACT = 3;

type Edit = readonly [key: string, operation: number, value?: string | null];

function resource(resourceType: number, resourceName: string, edits: readonly Edit[]) {
  const configs = edits.map(([name, configOperation, value]) => ({ name, configOperation, value: value ?? null }));
  return { resourceType, resourceName, configs };
}

async function alter(
  client: SimulatedClient,
  type: number,
  name: string,
  edits: readonly Edit[],
  validateOnly = false,
): Promise<number> {
  const answer = await client.ask(incrementalAlterConfigs, 1, {
    resources: [resource(type, name, edits)],
    validateOnly,
  });
  const [result] = answer.responses;
  expect(result).toMatchObject({ resourceType: type, resourceName: name });
  expect(result?.errorMessage === null).toBe(result?.errorCode === 0);
  return result?.errorCode ?? -1;
}

async function described(client: SimulatedClient, type: number, name: string, keys: string[] | null = null) {
  const answer = await client.ask(describeConfigs, 4, {
    resources: [{ resourceType: type, resourceName: name, configurationKeys: keys }],
    includeSynonyms: true,
  });
  expect(answer.results[0]?.errorCode).toBe(0);
  return answer.results[0]?.configs ?? [];
}

async function textOf(client: SimulatedClient, type: number, name: string, key: string) {
  return (await described(client, type, name, [key]))[0]?.value;
}

describe('behaviour 38: IncrementalAlterConfigs', () => {
  test('sets and deletes single settings, extends and shortens lists, and only lists', async () => {
    const { client } = await startRig();
    await createTopic(client, 'a');
    const policy = () => textOf(client, TOPIC, 'a', 'cleanup.policy');
    expect(await alter(client, TOPIC, 'a', [['retention.ms', SET, '1000']])).toBe(0);
    expect(await textOf(client, TOPIC, 'a', 'retention.ms')).toBe('1000');
    expect(await alter(client, TOPIC, 'a', [['cleanup.policy', APPEND, 'compact']])).toBe(0);
    expect(await alter(client, TOPIC, 'a', [['cleanup.policy', APPEND, 'compact']])).toBe(0);
    expect(await policy()).toBe('delete,compact');
    expect(await alter(client, TOPIC, 'a', [['cleanup.policy', SUBTRACT, 'delete']])).toBe(0);
    expect(await alter(client, TOPIC, 'a', [['cleanup.policy', SUBTRACT, 'delete']])).toBe(0);
    expect(await policy()).toBe('compact');
    expect(await alter(client, TOPIC, 'a', [['retention.ms', APPEND, '1']])).toBe(40);
    expect(await alter(client, TOPIC, 'a', [['retention.ms', SUBTRACT, '1']])).toBe(40);
    expect(
      await alter(client, TOPIC, 'a', [
        ['retention.ms', DELETE],
        ['cleanup.policy', DELETE],
        ['never.was.there', DELETE],
      ]),
    ).toBe(0);
    expect(await policy()).toBe('delete');
    expect(await textOf(client, TOPIC, 'a', 'retention.ms')).toBe('604800000');
  });

  test('tells what is wrong with Kafka’s codes, and then changes nothing of the resource', async () => {
    const { client } = await startRig();
    await createTopic(client, 'a');
    const cases: [Edit[], number][] = [
      [[['nope', SET, '1']], 40],
      [[['retention.ms', SET, 'soon']], 40],
      [[['segment.bytes', SET, '99']], 40],
      [[['cleanup.policy', SET, 'compact,shred']], 40],
      [[['remote.storage.enable', SET, 'true']], 40],
      [[['leader.replication.throttled.replicas', APPEND, 'x']], 40],
      [
        [
          ['min.compaction.lag.ms', SET, '100'],
          ['max.compaction.lag.ms', SET, '50'],
        ],
        40,
      ],
      [[['retention.ms', SET, null]], 42],
      [[['retention.ms', 7, '1']], 42],
      [
        [
          ['retention.ms', SET, '1'],
          ['retention.ms', SET, '2'],
        ],
        42,
      ],
    ];
    for (const [edits, code] of cases) {
      const all: Edit[] = [['segment.ms', SET, '777'], ...edits];
      expect([edits, await alter(client, TOPIC, 'a', all)]).toEqual([edits, code]);
    }
    expect(await textOf(client, TOPIC, 'a', 'segment.ms')).toBe('604800000');
    expect(await alter(client, TOPIC, 'missing', [['retention.ms', SET, '1']])).toBe(3);
    // Kafka looks at lists first, then at the name, then at the values, and last whether the thing exists.
    expect(await alter(client, TOPIC, 'missing', [['retention.ms', SET, 'soon']])).toBe(40);
    expect(await alter(client, TOPIC, 'a/b', [['retention.ms', SET, 'soon']])).toBe(17);
    expect(await alter(client, TOPIC, 'a/b', [['retention.ms', APPEND, '1']])).toBe(40);
    expect(await alter(client, TOPIC, '', [['nope', SUBTRACT, '1']])).toBe(40);
    expect(await alter(client, GROUP, '', [['share.auto.offset.reset', APPEND, '1']])).toBe(40);
    expect(await alter(client, GROUP, '', [['share.auto.offset.reset', SET, 'nonsense']])).toBe(42);
    expect(await alter(client, TOPIC, 'a/b', [['retention.ms', SET, '1']])).toBe(17);
    expect(await alter(client, TOPIC, '', [['retention.ms', SET, '1']])).toBe(42);
    expect(await alter(client, 77, 'a', [])).toBe(42);
    expect(await alter(client, METRICS, 'a', [['interval.ms', SET, '1000']])).toBe(42);
    expect(await alter(client, LOGGER, '1', [['root', SET, 'INFO']])).toBe(42);
  });

  test('answers each resource for itself, and changes the others', async () => {
    const { client } = await startRig();
    for (const name of ['a', 'b']) await createTopic(client, name);
    const answer = await client.ask(incrementalAlterConfigs, 0, {
      resources: [
        resource(TOPIC, 'a', [['retention.ms', SET, '5']]),
        resource(TOPIC, 'missing', [['retention.ms', SET, '5']]),
        resource(TOPIC, 'b', []),
        resource(TOPIC, 'b', []),
        resource(GROUP, 'g', [['consumer.session.timeout.ms', SET, '50000']]),
      ],
      validateOnly: false,
    });
    expect(answer.responses.map(({ errorCode }) => errorCode)).toEqual([0, 3, 42, 42, 0]);
    expect(await textOf(client, TOPIC, 'a', 'retention.ms')).toBe('5');
    expect(await textOf(client, GROUP, 'g', 'consumer.session.timeout.ms')).toBe('50000');
  });

  test('with an operation that there is not, changes nothing of the whole request', async () => {
    const { client } = await startRig();
    await createTopic(client, 'a');
    await createTopic(client, 'b');
    const ask = async (edits: readonly Edit[], type = TOPIC) => {
      const good = resource(TOPIC, 'a', [['retention.ms', SET, '1000']]);
      const answer = await client.ask(incrementalAlterConfigs, 1, {
        resources: [good, resource(type, 'b', edits)],
        validateOnly: false,
      });
      return answer.responses.map(({ errorCode }) => errorCode);
    };
    expect(await ask([['retention.ms', 7, '1']])).toEqual([42, 42]);
    expect(await textOf(client, TOPIC, 'a', 'retention.ms')).toBe('604800000');
    // What is refused before is out of it.
    const twice: Edit[] = [
      ['retention.ms', 7, '1'],
      ['retention.ms', 7, '1'],
    ];
    expect(await ask(twice)).toEqual([0, 42]);
    expect(await ask([['retention.ms', 7, '1']], 99)).toEqual([0, 42]);
    expect(await textOf(client, TOPIC, 'a', 'retention.ms')).toBe('1000');
  });

  test('tells doubles with a fraction, and what is named twice once', async () => {
    const { client } = await startRig();
    await createTopic(client, 'a');
    const twice: Edit[] = [
      ['min.cleanable.dirty.ratio', SET, '1'],
      ['cleanup.policy', SET, 'compact,compact'],
    ];
    expect(await alter(client, TOPIC, 'a', twice)).toBe(0);
    expect(await textOf(client, TOPIC, 'a', 'min.cleanable.dirty.ratio')).toBe('1.0');
    expect(await textOf(client, TOPIC, 'a', 'cleanup.policy')).toBe('compact');
  });

  test('with validateOnly changes nothing', async () => {
    const { client } = await startRig();
    await createTopic(client, 'a');
    expect(await alter(client, TOPIC, 'a', [['retention.ms', SET, '5']], true)).toBe(0);
    expect(await alter(client, TOPIC, 'a', [['retention.ms', SET, 'x']], true)).toBe(40);
    expect(await textOf(client, TOPIC, 'a', 'retention.ms')).toBe('604800000');
  });

  test('takes effect at once, and holds after a kill', async () => {
    const first = await startRig();
    const topic = await createTopic(first.client, 'a');
    const large = batchOf({ valueBytes: 5000 });
    expect((await produceTo(first.client, topic, large)).errorCode).toBe(0);
    expect(await alter(first.client, TOPIC, 'a', [['max.message.bytes', SET, '1000']])).toBe(0);
    expect((await produceTo(first.client, topic, large)).errorCode).toBe(10);
    const { client } = await restart(first, 'kill');
    expect((await produceTo(client, topic, large)).errorCode).toBe(10);
    expect(await alter(client, TOPIC, 'a', [['max.message.bytes', DELETE]])).toBe(0);
    expect((await produceTo(client, topic, large)).errorCode).toBe(0);
  });
});

describe('behaviour 38: settings of brokers', () => {
  test('change while it runs when they are live, for this broker over those for all, and reach every topic', async () => {
    const first = await startRig();
    const topic = await createTopic(first.client, 'a');
    const large = batchOf({ valueBytes: 5000 });
    expect(await alter(first.client, BROKER, '', [['message.max.bytes', SET, '1000']])).toBe(0);
    expect((await produceTo(first.client, topic, large)).errorCode).toBe(10);
    expect(await alter(first.client, BROKER, '1', [['message.max.bytes', SET, '9000']])).toBe(0);
    expect((await produceTo(first.client, topic, large)).errorCode).toBe(0);
    const { client } = await restart(first, 'kill');
    const [config] = await described(client, BROKER, '1', ['message.max.bytes']);
    expect(config).toMatchObject({ value: '9000', configSource: 2, readOnly: false });
    expect(config?.synonyms).toEqual([
      { name: 'message.max.bytes', value: '9000', source: 2 },
      { name: 'message.max.bytes', value: '1000', source: 3 },
      { name: 'message.max.bytes', value: '1048588', source: 5 },
    ]);
    expect(await described(client, BROKER, '')).toMatchObject([{ name: 'message.max.bytes', value: '1000' }]);
    expect(await described(client, TOPIC, 'a', ['max.message.bytes'])).toMatchObject([
      { value: '9000', configSource: 2, synonyms: [{ name: 'message.max.bytes' }, {}, {}] },
    ]);
    expect(await alter(client, BROKER, '1', [['message.max.bytes', DELETE]])).toBe(0);
    expect((await produceTo(client, topic, large)).errorCode).toBe(10);
  });

  test('are refused by name when they need a restart, and the wrong broker is refused', async () => {
    const { client } = await startRig();
    for (const key of [
      'ssl.keystore.location',
      'listener.name.ssl.ssl.keystore.location',
      'listener.name.plaintext.port',
    ])
      expect([key, await alter(client, BROKER, '1', [[key, SET, '2']])]).toEqual([key, 42]);
    const ofListener = 'listener.name.plaintext.ssl.client.auth';
    expect(await alter(client, BROKER, '1', [[ofListener, SET, 'required']])).toBe(42);
    for (const key of ['node.id', 'num.partitions', 'auto.create.topics.enable', 'log.retention.hours', 'listeners']) {
      expect([key, await alter(client, BROKER, '1', [[key, SET, '2']])]).toEqual([key, 42]);
      expect([key, await alter(client, BROKER, '', [[key, SET, '2']])]).toEqual([key, 42]);
    }
    expect(await alter(client, BROKER, '1', [['nope', SET, '2']])).toBe(42);
    expect(await alter(client, BROKER, '1', [['log.retention.ms', SET, 'abc']])).toBe(42);
    expect(await alter(client, BROKER, '1', [['message.max.bytes', SET, '2000000000']])).toBe(42);
    expect(await alter(client, BROKER, '1', [['max.connections.per.ip', SET, '0']])).toBe(42);
    expect(await alter(client, BROKER, '', [['max.connections.per.ip', SET, '0']])).toBe(42);
    expect(await alter(client, BROKER, '1', [['max.connections', SET, '0']])).toBe(42);
    expect(await alter(client, BROKER, '9', [['log.retention.ms', SET, '1']])).toBe(42);
    expect(await alter(client, BROKER, 'x', [['log.retention.ms', SET, '1']])).toBe(42);
    expect(await alter(client, BROKER, '1', [['log.cleanup.policy', APPEND, 'compact']])).toBe(0);
    expect(await textOf(client, BROKER, '1', 'log.cleanup.policy')).toBe('delete,compact');
  });
});

/** As Apache Kafka 4.3 answered when it was asked the same. */
test('behaviour 38: bounds of one listener are set for one broker and for all', async () => {
  const own = 'listener.name.inner.max.connections';
  const rate = 'listener.name.inner.max.connection.creation.rate';
  const listeners = 'listeners=PLAINTEXT://:1,INNER://:2';
  const map = 'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,INNER:PLAINTEXT';
  const { client } = await startRig({ sets: [listeners, map, `${own}=0`, 'max.connections=50'] });
  const cases: [broker: string, Edit, number][] = [
    ['', [own, SET, '4'], 0],
    ['1', [own, SET, '3'], 0],
    ['1', [rate, SET, '50'], 0],
    ['', [rate, SET, '60'], 0],
    ['1', [own, SET, '0'], 42],
    ['1', [rate, SET, '0'], 42],
    ['1', [own, SET, '-1'], 42],
    ['1', [own, SET, 'x'], 42],
    ['1', [own, SET, '9999999999'], 42],
    ['1', [own, APPEND, '5'], 40],
    ['', [own, APPEND, '5'], 40],
    ['1', ['max.connection.creation.rate', SET, '0'], 42],
    ['', ['max.connection.creation.rate', SET, '0'], 42],
    ['', ['listener.name.inner.sasl.server.max.receive.size', SET, '3000'], 42],
    ['1', ['listener.name.typo.max.connections', SET, '5'], 42],
    ['', ['listener.name.typo.max.connections', SET, '5'], 42],
  ];
  for (const [broker, edit, code] of cases) {
    expect([edit, await alter(client, BROKER, broker, [edit])]).toEqual([edit, code]);
  }
  expect(await described(client, BROKER, '1', [own])).toMatchObject([
    {
      value: '3',
      readOnly: true,
      configSource: 2,
      configType: 3,
      synonyms: [
        { name: own, value: '3', source: 2 },
        { name: own, value: '4', source: 3 },
        { name: own, value: '0', source: 4 },
        { name: 'max.connections', value: '50', source: 4 },
        { name: 'max.connections', value: '2147483647', source: 5 },
      ],
    },
  ]);
  expect(await described(client, BROKER, '', [own, rate])).toMatchObject([
    { name: own, value: '4', readOnly: true, configSource: 3, synonyms: [{ name: own, value: '4', source: 3 }] },
    { name: rate, value: '60', readOnly: true, configSource: 3 },
  ]);
  // Behind what was set lies a 0, which is not taken while the broker runs.
  expect(await alter(client, BROKER, '1', [[own, DELETE]])).toBe(0);
  expect(await alter(client, BROKER, '', [[own, DELETE]])).toBe(42);
});

describe('behaviour 38: settings of groups', () => {
  test('are kept within the broker’s bounds, and hold after a kill', async () => {
    const first = await startRig();
    const cases: [Edit, number][] = [
      [['consumer.session.timeout.ms', SET, '50000'], 0],
      [['consumer.session.timeout.ms', SET, '10'], 40],
      [['consumer.session.timeout.ms', SET, '99999999'], 40],
      [['consumer.session.timeout.ms', SET, 'abc'], 40],
      [['consumer.heartbeat.interval.ms', SET, '20000'], 40],
      [['share.auto.offset.reset', SET, 'sometimes'], 40],
      [['share.auto.offset.reset', SET, 'by_duration:PT1H'], 0],
      [['share.isolation.level', SET, 'read_committed'], 0],
      [['share.isolation.level', SET, 'dirty'], 40],
      [['share.delivery.count.limit', SET, '100'], 40],
      [['share.record.lock.duration.ms', SET, '1'], 40],
      [['share.partition.max.record.locks', SET, '1'], 40],
      [['streams.num.standby.replicas', SET, '1'], 40],
      [['nope', SET, '1'], 40],
    ];
    for (const [edit, code] of cases) {
      expect([edit, await alter(first.client, GROUP, 'g', [edit])]).toEqual([edit, code]);
    }
    for (const name of ['', 'g'.repeat(1001)]) {
      expect(await alter(first.client, GROUP, name, [['share.isolation.level', SET, 'read_committed']])).toBe(42);
    }
    const { client } = await restart(first, 'kill');
    const configs = await described(client, GROUP, 'g', ['consumer.session.timeout.ms', 'share.isolation.level']);
    expect(configs).toMatchObject([
      {
        value: '50000',
        configSource: 8,
        configType: 3,
        synonyms: [
          { name: 'consumer.session.timeout.ms', value: '50000', source: 8 },
          { name: 'group.consumer.session.timeout.ms', value: '45000', source: 5 },
        ],
      },
      { value: 'read_committed', configSource: 8 },
    ]);
  });
});

test('behaviour 38: legacy AlterConfigs replaces the whole set', async () => {
  const { client } = await startRig();
  await createTopic(client, 'a', { configs: { 'retention.ms': '5' } });
  const replace = async (configs: [string, string | null][], validateOnly = false, name = 'a') => {
    const resources = [
      { resourceType: TOPIC, resourceName: name, configs: configs.map(([key, value]) => ({ name: key, value })) },
    ];
    return (await client.ask(alterConfigs, 2, { resources, validateOnly })).responses[0]?.errorCode;
  };
  expect(await replace([['segment.ms', '6']])).toBe(0);
  expect(await textOf(client, TOPIC, 'a', 'retention.ms')).toBe('604800000');
  expect(await textOf(client, TOPIC, 'a', 'segment.ms')).toBe('6');
  expect(await replace([], true)).toBe(0);
  expect(await replace([['nope', '2']])).toBe(40);
  expect(await replace([['segment.ms', null]])).toBe(42);
  expect(await replace([], false, 'missing')).toBe(3);
  expect(await textOf(client, TOPIC, 'a', 'segment.ms')).toBe('6');
});

describe('behaviour 39: DescribeConfigs', () => {
  test('has the codes of Kafka for what it cannot describe', async () => {
    const { client } = await startRig();
    const ask = async (...names: [number, string][]) => {
      const resources = names.map(([resourceType, resourceName]) => ({
        resourceType,
        resourceName,
        configurationKeys: null,
      }));
      return (await client.ask(describeConfigs, 4, { resources })).results.map(({ errorCode }) => errorCode);
    };
    expect(
      await ask(
        [TOPIC, 'missing'],
        [TOPIC, 'a/b'],
        [TOPIC, ''],
        [BROKER, '9'],
        [BROKER, 'x'],
        [GROUP, ''],
        [GROUP, 'g'],
      ),
    ).toEqual([3, 17, 17, 42, 42, 42, 0]);
    expect(await ask([TOPIC, 'missing'], [77, 'a'])).toEqual([42, 42]);
  });

  test('says of a broker’s setting whether it can change, and what it falls back to', async () => {
    const { client } = await startRig({ sets: ['log.retention.hours=3'] });
    await createTopic(client, 'a');
    expect(await described(client, TOPIC, 'a', ['retention.ms'])).toMatchObject([{ value: '10800000', synonyms: [] }]);
    expect(await alter(client, BROKER, '1', [['log.retention.ms', SET, '500000']])).toBe(0);
    const [live] = await described(client, BROKER, '1', ['log.retention.ms']);
    expect(live).toMatchObject({ value: '500000', readOnly: false, configSource: 2 });
    expect(live?.synonyms).toEqual([
      { name: 'log.retention.ms', value: '500000', source: 2 },
      { name: 'log.retention.hours', value: '3', source: 4 },
      { name: 'log.retention.hours', value: '168', source: 5 },
    ]);
    expect(await described(client, BROKER, '1', ['log.retention.hours'])).toMatchObject([
      { value: '3', readOnly: true, configSource: 4 },
    ]);
    expect(await described(client, TOPIC, 'a', ['retention.ms'])).toMatchObject([{ value: '500000', configSource: 2 }]);
  });
});

test('behaviour 38: ListConfigResources names what has settings, by type', async () => {
  const { client } = await startRig();
  await createTopic(client, 'a');
  await alter(client, GROUP, 'g', [['share.isolation.level', SET, 'read_committed']]);
  const list = async (resourceTypes: number[]) => {
    const answer = await client.ask(listConfigResources, 1, { resourceTypes });
    return [answer.errorCode, ...answer.configResources.map((one) => `${one.resourceType} ${one.resourceName}`)];
  };
  expect(await list([])).toEqual([0, '32 g', '4 1', '2 a']);
  expect(await list([TOPIC, METRICS])).toEqual([0, '2 a']);
  expect(await list([77])).toEqual([35]);
  expect(await client.ask(listConfigResources, 0, { resourceTypes: [] })).toMatchObject({
    errorCode: 0,
    configResources: [],
  });
});
