/**
 * Groups of Kafka's own Java client, and what Kafka's own tools make of what we keep about groups: the tool for groups, the
 * formatters of `__consumer_offsets`, and the dump of its log.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BrokerProcess } from './broker-process.ts';
import { clientsCache, describeInstalled, runProgram } from './foreign-client.ts';
import { javaArguments } from './kafka-process.ts';
import { writeNumbers } from './numbered-records.ts';
import { makeTopic } from './server-under-test.ts';

const classFile = join(clientsCache, 'java', 'classes', 'GroupRun.class');
const COUNT = 12_000;
const PARTITIONS = 6;
const TIMEOUT_MS = 180_000;

function java(main: string, ...parameters: readonly string[]): Promise<string> {
  return runProgram('java', [...javaArguments, main, ...parameters]);
}

describeInstalled('groups of the Java client', [classFile], () => {
  let folder = '';
  let broker: BrokerProcess | null = null;
  const address = (): string => broker?.address ?? '';

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'perfbroker-groups-'));
    broker = await BrokerProcess.start({ dataFolder: folder });
    await makeTopic(broker, 'numbers', PARTITIONS);
    await writeNumbers(broker.port, 'numbers', PARTITIONS, COUNT);
  }, TIMEOUT_MS);

  afterAll(async () => {
    await broker?.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const protocol of ['classic', 'consumer']) {
    it(
      `lose nothing and share nothing while members come and go (${protocol})`,
      async () => {
        const printed = await java('GroupRun', address(), 'numbers', `g-${protocol}`, String(COUNT), protocol);
        const outcome = JSON.parse(printed.trim().split('\n').at(-1) ?? '');
        expect(outcome).toEqual({ read: COUNT, shared: 0, hasCommitted: true, hasRebalanced: true });
      },
      TIMEOUT_MS,
    );
  }

  const describeGroup = async (group: string): Promise<string> =>
    await java(
      'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
      ...['--bootstrap-server', address(), '--describe', '--group', group],
    );

  it(
    'are described, reset and deleted by Kafka’s tool, and survive a kill of the broker',
    async () => {
      const committed = (table: string): number =>
        [...table.matchAll(/^g-classic\s+numbers\s+\d+\s+(\d+)\s/gm)].reduce((sum, [, one]) => sum + Number(one), 0);
      expect(committed(await describeGroup('g-classic'))).toBe(COUNT);
      await broker?.kill();
      broker = await BrokerProcess.start({ dataFolder: folder });
      expect(committed(await describeGroup('g-classic'))).toBe(COUNT);
      const tool = 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand';
      const reset = ['--reset-offsets', '--group', 'g-classic', '--topic', 'numbers', '--shift-by', '-5', '--execute'];
      await java(tool, '--bootstrap-server', address(), ...reset);
      expect(committed(await describeGroup('g-classic'))).toBe(COUNT - 5 * PARTITIONS);
      await java(tool, '--bootstrap-server', address(), '--delete', '--group', 'g-consumer');
      const list = await java(tool, '--bootstrap-server', address(), '--list');
      expect(list.trim().split('\n')).toEqual(['g-classic']);
    },
    TIMEOUT_MS,
  );

  it(
    'can be read by the formatters of Kafka’s console consumer',
    async () => {
      const read = async (formatter: string): Promise<string> =>
        await java(
          'org.apache.kafka.tools.consumer.ConsoleConsumer',
          ...['--bootstrap-server', address(), '--topic', '__consumer_offsets', '--from-beginning'],
          ...['--timeout-ms', '10000', '--formatter', `org.apache.kafka.tools.consumer.${formatter}`],
        );
      const offsets = await read('OffsetsMessageFormatter');
      expect(offsets).toMatch(/"group":"g-classic","topic":"numbers","partition":\d/);
      expect(offsets).toMatch(/"metadata":"by (first|second|third)"/);
      const groups = await read('GroupMetadataMessageFormatter');
      expect(groups).toMatch(/"group":"g-classic"/);
      expect(groups).toMatch(/"protocolType":"consumer","generation":\d+,"protocol":"range"/);
    },
    TIMEOUT_MS,
  );

  it(
    'can be read from the files of the log by DumpLogSegments',
    async () => {
      await broker?.stop();
      const logs = readdirSync(folder)
        .filter((name) => name.startsWith('__consumer_offsets-'))
        .map((name) => join(folder, name, '00000000000000000000.log'))
        .filter((file) => statSync(file).size > 0);
      const printed = await java(
        'org.apache.kafka.tools.DumpLogSegments',
        '--offsets-decoder',
        '--files',
        logs.join(','),
      );
      expect(printed).toContain('"group":"g-classic"');
      expect(printed).toMatch(/key: \{"type":"?1"?,"data":\{"group":"g-classic","topic":"numbers"/);
    },
    TIMEOUT_MS,
  );
});
