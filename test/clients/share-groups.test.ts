/**
 * Share groups with Kafka's own share consumer and its kafka-share-groups tool, against the built broker: who gets what,
 * how often, and what is left after a stop and after kill -9.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Admin } from '../../src/client/admin.ts';
import { ClusterView } from '../../src/client/metadata.ts';
import { BrokerProcess } from './broker-process.ts';
import { clientsCache, describeInstalled, runProgram } from './foreign-client.ts';
import { javaArguments } from './kafka-process.ts';

const classFile = join(clientsCache, 'java', 'classes', 'ShareScenes.class');
const RECORDS = 10_000;
const SCENE_MS_MAX = 120_000;
const SETTINGS = [
  '--workers',
  '2',
  '--set',
  'group.share.min.record.lock.duration.ms=1000',
  '--set',
  'group.share.record.lock.duration.ms=3000',
];

interface StoredLine {
  readonly key: { readonly type: number; readonly data: { readonly groupId: string } };
  readonly value: unknown;
}

type Deliveries = { readonly [value: string]: readonly number[] };

describeInstalled("Kafka's share consumer", [classFile], () => {
  const dataFolder = mkdtempSync(join(tmpdir(), 'perfbroker-shares-'));
  let broker: BrokerProcess;

  beforeAll(async () => {
    broker = await BrokerProcess.start({ dataFolder, arguments: SETTINGS });
  });

  afterAll(async () => {
    await broker.dispose();
    rmSync(dataFolder, { recursive: true, force: true });
  });

  /** Runs a scene with a topic of its own, and reads the line it prints. */
  async function scene(name: string, topic: string, group: string, ...more: string[]): Promise<unknown> {
    const said = await java('ShareScenes', name, broker.address, topic, group, ...more);
    return JSON.parse(said.trim().split('\n').at(-1) ?? '');
  }

  async function tool(...options: string[]): Promise<string> {
    const main = 'org.apache.kafka.tools.consumer.group.ShareGroupCommand';
    return await java(main, '--bootstrap-server', broker.address, ...options);
  }

  /** All records of an internal topic, as one of Kafka's formatters prints them. */
  async function formatted(topic: string, formatter: string): Promise<StoredLine[]> {
    const main = 'org.apache.kafka.tools.consumer.ConsoleConsumer';
    const options = [
      '--bootstrap-server',
      broker.address,
      '--topic',
      topic,
      '--from-beginning',
      '--timeout-ms',
      '5000',
    ];
    const said = await java(main, ...options, '--formatter', `org.apache.kafka.tools.consumer.${formatter}`);
    const text = said.slice(said.indexOf('{')).trim();
    const lines: StoredLine[] = JSON.parse(`[${text.replaceAll(/\}\s*\{"key"/g, '},{"key"')}]`);
    return lines;
  }

  async function makeTopic(name: string, partitions: number): Promise<void> {
    const cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port: broker.port }] });
    try {
      await new Admin(cluster).createTopic({ name, partitions, replicationFactor: 1 });
    } finally {
      await cluster.close();
    }
  }

  it.each(['implicit', 'explicit'])(
    'two members share all records, each delivered once when all are accepted (%s)',
    async (mode) => {
      await makeTopic(`shared-${mode}`, 3);
      const got = await scene('share', `shared-${mode}`, `g-${mode}`, String(RECORDS), '2', mode);
      expect(got).toMatchObject({ received: RECORDS, distinct: RECORDS });
      expect(await tool('--describe', '--group', `g-${mode}`)).toMatch(/shared-\w+\s+0\s+\d+\s+0\s/);
    },
    SCENE_MS_MAX,
  );

  it(
    'released records come again with a higher count, rejected ones do not',
    async () => {
      await makeTopic('fates', 1);
      const expected: { [value: string]: number[] } = {};
      for (let value = 0; value < 10; value++) expected[value] = value >= 4 && value < 7 ? [1, 2] : [1];
      expect(await scene('fates', 'fates', 'g-fates')).toEqual(expected);
    },
    SCENE_MS_MAX,
  );

  it(
    'a record that nobody can cope with comes five times',
    async () => {
      await makeTopic('poison', 1);
      const deliveries = await scene('poison', 'poison', 'g-poison');
      expect(deliveries).toEqual({ 0: [1], 1: [1], 2: [1], 3: [1, 2, 3, 4, 5], 4: [1], 5: [1] });
    },
    SCENE_MS_MAX,
  );

  it(
    'records of a member that falls silent go to another when their locks run out',
    async () => {
      await makeTopic('silent', 1);
      const got = await scene('expiry', 'silent', 'g-silent');
      expect(got).toMatchObject({ taken: 5, deliveries: { 0: [2], 1: [2], 2: [2], 3: [2], 4: [2] } });
    },
    SCENE_MS_MAX,
  );

  it.each(['stop', 'kill'] as const)(
    'acknowledgements survive when the broker ends by %s',
    async (how) => {
      const [topic, group] = [`half-${how}`, `g-half-${how}`];
      await makeTopic(topic, 1);
      expect(await scene('half', topic, group, '100')).toEqual({ accepted: 50 });
      await broker[how]();
      broker = await BrokerProcess.start({ dataFolder, port: broker.port, arguments: SETTINGS });
      const rest = deliveriesIn(await scene('rest', topic, group));
      expect(Object.keys(rest).map(Number)).toEqual(Array.from({ length: 50 }, (_, index) => 2 * index + 1));
    },
    SCENE_MS_MAX,
  );

  it(
    "Kafka's formatters read what is kept",
    async () => {
      await makeTopic('kept', 1);
      await scene('fates', 'kept', 'g-kept');
      const state = await formatted('__share_group_state', 'group.share.ShareGroupStateMessageFormatter');
      const last = state.filter(({ key }) => key.data.groupId === 'g-kept').at(-1);
      expect(last).toMatchObject({
        key: { type: 1 },
        value: { version: 0, data: { startOffset: 10, stateBatches: [] } },
      });
      const group = await formatted('__consumer_offsets', 'ShareGroupMessageFormatter');
      const kinds = new Set(group.filter(({ key }) => key.data.groupId === 'g-kept').map(({ key }) => key.type));
      expect([...kinds].sort()).toEqual([10, 11, 12, 13, 14, 15]);
    },
    SCENE_MS_MAX,
  );

  it(
    'the tool lists, describes, resets, and deletes',
    async () => {
      await makeTopic('tooled', 1);
      await scene('share', 'tooled', 'g-tooled', '20', '1', 'implicit');
      expect((await tool('--list')).split('\n')).toContain('g-tooled');
      expect(await tool('--describe', '--group', 'g-tooled', '--offsets')).toMatch(/g-tooled\s+tooled\s+0\s+20\s+0\s/);
      expect(await tool('--describe', '--group', 'g-tooled', '--state')).toMatch(/g-tooled\s.*\sEmpty\s+0/);
      const reset = ['--reset-offsets', '--to-earliest', '--group', 'g-tooled', '--topic', 'tooled', '--execute'];
      expect(await tool(...reset)).toMatch(/g-tooled\s+tooled\s+0\s+0/);
      expect(await tool('--describe', '--group', 'g-tooled', '--offsets')).toMatch(/g-tooled\s+tooled\s+0\s+0\s+20\s/);
      expect(await tool('--delete-offsets', '--group', 'g-tooled', '--topic', 'tooled')).toMatch(/tooled\s+Successful/);
      expect(await tool('--delete', '--group', 'g-tooled')).toContain('successful');
      expect((await tool('--list')).split('\n')).not.toContain('g-tooled');
    },
    SCENE_MS_MAX,
  );
});

async function java(main: string, ...options: string[]): Promise<string> {
  return await runProgram('java', [...javaArguments, main, ...options]);
}

function deliveriesIn(said: unknown): Deliveries {
  if (typeof said !== 'object' || said === null) throw new Error(`no deliveries: ${JSON.stringify(said)}`);
  return Object.fromEntries(Object.entries(said));
}
