/**
 * Apache Kafka's own command line tools against the built broker: topics, settings of all kinds, quotas, records, folders,
 * features, quorum, elections and reassignments; and what they changed is there after a restart. With PERFBROKER_PEER=kafka
 * the same is asked of Kafka, but for the restart.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BrokerProcess } from './broker-process.ts';
import { clientsCache, describeInstalled } from './foreign-client.ts';
import { javaArguments, KafkaProcess } from './kafka-process.ts';
import type { ServerUnderTest } from './server-under-test.ts';

const CONFIGS = 'kafka.admin.ConfigCommand';
const TOPICS = 'org.apache.kafka.tools.TopicCommand';
const TOOL_MS_MAX = 60_000;
const TEST_MS_MAX = 300_000;
const isKafka = process.env['PERFBROKER_PEER'] === 'kafka';

describeInstalled('the administration tools of Apache Kafka', [join(clientsCache, 'java', 'lib')], () => {
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-tools-'));
  let server: ServerUnderTest | null = null;

  beforeAll(async () => {
    server = isKafka
      ? await KafkaProcess.start()
      : await BrokerProcess.start({ dataFolder: join(folder, 'data'), arguments: ['--workers', '2'] });
  }, TEST_MS_MAX);

  afterAll(async () => {
    await server?.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  /** What the tool printed, and whether it was content. */
  function run(tool: string, ...parameters: string[]): { readonly text: string; readonly isGood: boolean } {
    const address = ['--bootstrap-server', server?.address ?? ''];
    const java = [...javaArguments, tool, ...address, ...parameters];
    const { stdout, stderr, status } = spawnSync('java', java, { encoding: 'utf8', timeout: TOOL_MS_MAX });
    return { text: `${stdout}\n${stderr}`, isGood: status === 0 && !/^Error|Exception/m.test(`${stdout}\n${stderr}`) };
  }

  function good(tool: string, ...parameters: string[]): string {
    const { text, isGood } = run(tool, ...parameters);
    expect(isGood, text).toBe(true);
    return text;
  }

  const describe = (type: string, name: string) =>
    good(CONFIGS, '--describe', '--entity-type', type, '--entity-name', name);
  const alter = (type: string, name: string, what: string, value: string) =>
    run(CONFIGS, '--alter', '--entity-type', type, '--entity-name', name, what, value);

  it(
    'create, describe, grow and delete topics',
    () => {
      good(TOPICS, '--create', '--topic', 'a', '--partitions', '2', '--config', 'retention.ms=5000');
      good(TOPICS, '--create', '--topic', 'gone');
      expect(run(TOPICS, '--create', '--topic', 'a').text).toContain('already exists');
      expect(run(TOPICS, '--create', '--topic', 'b', '--config', 'nope=1').isGood).toBe(false);
      good(TOPICS, '--alter', '--topic', 'a', '--partitions', '3');
      expect(good(TOPICS, '--describe', '--topic', 'a')).toMatch(/PartitionCount: 3\s+ReplicationFactor: 1/);
      good(TOPICS, '--delete', '--topic', 'gone');
      expect(good(TOPICS, '--list').trim()).toBe('a');
    },
    TEST_MS_MAX,
  );

  it(
    'change and show settings of topics, brokers and groups, and quotas',
    () => {
      expect(alter('topics', 'a', '--add-config', 'cleanup.policy=[compact,delete]').isGood).toBe(true);
      expect(describe('topics', 'a')).toContain('cleanup.policy=compact,delete');
      expect(alter('topics', 'a', '--add-config', 'retention.ms=soon').isGood).toBe(false);
      expect(alter('topics', 'a', '--add-config', 'remote.storage.enable=true').isGood).toBe(false);
      expect(alter('topics', 'a', '--delete-config', 'cleanup.policy').isGood).toBe(true);
      expect(describe('topics', 'a')).not.toContain('cleanup.policy');
      expect(alter('brokers', '1', '--add-config', 'log.retention.ms=7777777').isGood).toBe(true);
      expect(describe('brokers', '1')).toContain('DYNAMIC_BROKER_CONFIG:log.retention.ms=7777777');
      expect(alter('brokers', '1', '--add-config', 'num.partitions=7').isGood).toBe(false);
      expect(alter('groups', 'g', '--add-config', 'consumer.session.timeout.ms=50000').isGood).toBe(true);
      expect(alter('groups', 'g', '--add-config', 'consumer.session.timeout.ms=5').isGood).toBe(false);
      expect(describe('groups', 'g')).toContain('DYNAMIC_GROUP_CONFIG:consumer.session.timeout.ms=50000');
      expect(alter('clients', 'c', '--add-config', 'producer_byte_rate=1000').isGood).toBe(true);
      expect(describe('clients', 'c')).toContain("Quota configs for client-id 'c' are producer_byte_rate=1000.0");
      expect(alter('clients', 'c', '--add-config', 'producer_byte_rate=0').isGood).toBe(false);
    },
    TEST_MS_MAX,
  );

  it(
    'delete records, and show folders, features, quorum and what there is to elect and to move',
    () => {
      const offsets = join(folder, 'offsets.json');
      writeFileSync(offsets, '{"partitions":[{"topic":"a","partition":0,"offset":-1}],"version":1}');
      const deleted = good('org.apache.kafka.tools.DeleteRecordsCommand', '--offset-json-file', offsets);
      expect(deleted).toMatch(/partition: a-0\s+low_watermark: 0/);
      const folders = good('org.apache.kafka.tools.LogDirsCommand', '--describe').split('\n');
      const told = JSON.parse(folders.find((line) => line.startsWith('{')) ?? '');
      const names = told.brokers[0].logDirs[0].partitions.map(({ partition }: { partition: string }) => partition);
      expect(names.filter((name: string) => name.startsWith('a-')).sort()).toEqual(['a-0', 'a-1', 'a-2']);
      expect(good('org.apache.kafka.tools.FeatureCommand', 'describe')).toMatch(
        /metadata\.version.*FinalizedVersionLevel: 4\.3-IV0/,
      );
      expect(good('org.apache.kafka.tools.MetadataQuorumCommand', 'describe', '--status')).toMatch(/LeaderId:\s+1\n/);
      good('org.apache.kafka.tools.LeaderElectionCommand', '--election-type', 'preferred', '--all-topic-partitions');
      expect(good('org.apache.kafka.tools.reassign.ReassignPartitionsCommand', '--list')).toContain(
        'No partition reassignments found',
      );
    },
    TEST_MS_MAX,
  );

  it.skipIf(isKafka)(
    'find all of it again after a restart',
    async () => {
      await server?.dispose();
      server = await BrokerProcess.start({ dataFolder: join(folder, 'data'), arguments: ['--workers', '2'] });
      expect(describe('topics', 'a')).toContain('retention.ms=5000');
      expect(describe('brokers', '1')).toContain('log.retention.ms=7777777');
      expect(describe('groups', 'g')).toContain('consumer.session.timeout.ms=50000');
      expect(describe('clients', 'c')).toContain('producer_byte_rate=1000.0');
    },
    TEST_MS_MAX,
  );
});
