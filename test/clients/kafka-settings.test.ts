/**
 * Our tables of settings beside those of Apache Kafka itself: the same names for topics and groups, and for every setting
 * that both have the same type, default and changeability; what differs is listed here and in docs/compatibility.md.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Connection } from '../../src/client/connection.ts';
import { createTopics } from '../../src/protocol/schemas/19-create-topics.ts';
import { describeConfigs } from '../../src/protocol/schemas/32-describe-configs.ts';
import { makeDesk, topicWish } from '../apis/desk-client.ts';
import { clientsCache, describeInstalled } from './foreign-client.ts';
import { KafkaProcess } from './kafka-process.ts';

const TOPIC = 2;
const BROKER = 4;
const GROUP = 32;
const START_MS_MAX = 120_000;

interface Row {
  readonly value: string | null;
  readonly configType: number;
  readonly readOnly: boolean;
  readonly configSource: number;
  readonly synonyms: readonly { readonly name: string; readonly value: string | null; readonly source: number }[];
}

type Table = Map<string, Row>;

let kafka: KafkaProcess | null = null;
let theirs: (type: number, name: string) => Promise<Table>;
let ours: (type: number, name: string) => Promise<Table>;

const wish = (resourceType: number, resourceName: string) => ({
  resources: [{ resourceType, resourceName, configurationKeys: null }],
  includeSynonyms: true,
});

async function begin(): Promise<void> {
  kafka = await KafkaProcess.start();
  const connection = await Connection.open({ host: '127.0.0.1', port: kafka.port });
  const desk = await makeDesk();
  const topics = { topics: [topicWish('a')], timeoutMs: 10_000, validateOnly: false };
  await eventually(async () => (await connection.request(createTopics, topics)).topics[0]?.errorCode === 0);
  await desk.ask(createTopics, 7, topics);
  const tableOf = (results: readonly { readonly configs: readonly (Row & { readonly name: string })[] }[]): Table =>
    new Map(results[0]?.configs.map((row) => [row.name, row]));
  theirs = async (type, name) => tableOf((await connection.request(describeConfigs, wish(type, name))).results);
  ours = async (type, name) => tableOf((await desk.ask(describeConfigs, 4, wish(type, name))).results);
}

/** A node that listens may not have registered with itself yet. */
async function eventually(attempt: () => Promise<boolean>): Promise<void> {
  for (let left = 100; left > 0; left--) {
    if (await attempt()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('it does not come to be');
}

/** A fresh Kafka sets this one for the whole cluster by itself, for a feature that needs replicas. */
const SET_BY_KAFKA = 'min.insync.replicas';

function withoutKafkasOwn(row: Row | undefined): Row | undefined {
  if (row === undefined) return undefined;
  const synonyms = row.synonyms.filter(({ source }) => source !== 3);
  return { ...row, synonyms, configSource: synonyms[0]?.source ?? row.configSource };
}

describeInstalled('settings beside Apache Kafka', [join(clientsCache, 'java', 'lib')], () => {
  beforeAll(begin, START_MS_MAX);
  afterAll(() => kafka?.dispose(), START_MS_MAX);

  test('topics have the same settings, with the same defaults, types and synonyms', async () => {
    const [mine, other] = [await ours(TOPIC, 'a'), await theirs(TOPIC, 'a')];
    expect([...mine.keys()].sort()).toEqual([...other.keys()].sort());
    for (const [name, row] of mine) {
      const their = name === SET_BY_KAFKA ? withoutKafkasOwn(other.get(name)) : other.get(name);
      expect(pick(name, row)).toEqual(pick(name, their));
    }
  });

  test('groups have the same settings, except for streams groups, which are not there', async () => {
    const [mine, other] = [await ours(GROUP, 'a'), await theirs(GROUP, 'a')];
    const known = [...other.keys()].filter((name) => !name.startsWith('streams.'));
    expect([...mine.keys()].sort()).toEqual(known.sort());
    for (const [name, row] of mine) expect(pick(name, row)).toEqual(pick(name, other.get(name)));
  });

  test('brokers have the same types and defaults in what both have, and the same can change at run time', async () => {
    const [mine, other] = [await ours(BROKER, '1'), await theirs(BROKER, '1')];
    const differences: string[] = [];
    for (const [name, row] of mine) {
      const their = withoutKafkasOwn(other.get(name));
      if (their === undefined) continue;
      if (row.configType !== their.configType)
        differences.push(`${name} type ${row.configType} not ${their.configType}`);
      const fallback = (one: Row) => one.synonyms.findLast(({ source }) => source === 5)?.value ?? null;
      if (fallback(row) !== fallback(their)) differences.push(`${name} ${fallback(row)} not ${fallback(their)}`);
      if (row.readOnly !== their.readOnly) {
        differences.push(`${name} ${row.readOnly ? 'needs a restart' : 'changes at run time'}`);
      }
    }
    expect(differences.sort()).toEqual(brokerDifferences);
  });
});

const brokerDifferences = [
  'advertised.listeners  not null',
  'controller.listener.names  not null',
  'group.initial.rebalance.delay.ms 0 not 3000',
  'listener.security.protocol.map PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL not SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT',
  'listener.security.protocol.map needs a restart',
  'listener.security.protocol.map type 7 not 2',
  'listeners PLAINTEXT://127.0.0.1:9092 not PLAINTEXT://:9092',
  'listeners needs a restart',
  'log.dirs ./data not null',
  'node.id 1 not null',
  'num.recovery.threads.per.data.dir needs a restart',
  'sasl.enabled.mechanisms  not GSSAPI',
  'sasl.enabled.mechanisms needs a restart',
  'sasl.jaas.config needs a restart',
  'security.inter.broker.protocol null not PLAINTEXT',
  'share.coordinator.snapshot.update.records.per.snapshot changes at run time',
  'socket.listen.backlog.size 1024 not 50',
  'socket.send.buffer.bytes 131072 not 102400',
  'ssl.cipher.suites needs a restart',
  'ssl.client.auth needs a restart',
  'ssl.enabled.protocols needs a restart',
];

function pick(name: string, row: Row | undefined) {
  return { name, value: row?.value, type: row?.configType, source: row?.configSource, synonyms: row?.synonyms };
}
