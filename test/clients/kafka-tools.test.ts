/**
 * Apache Kafka's own command line tools against perfbroker and against Apache Kafka: what a person sees must be the same,
 * once addresses, ids, folders and speeds are taken out. The commands are those of the quick start and of an operator's day.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BrokerProcess } from './broker-process.ts';
import { clientsCache, describeInstalled } from './foreign-client.ts';
import { KafkaProcess } from './kafka-process.ts';
import type { ServerUnderTest } from './server-under-test.ts';
import { type ToolAnswer, type ToolName, ToolRunner } from './tool-runner.ts';

const CASE_MS_MAX = 120_000;
const folder = mkdtempSync(join(tmpdir(), 'perfbroker-tools-'));

interface Command {
  readonly tool: ToolName;
  readonly parameters: string;
  readonly input?: string;
  /** Only the exit code is compared: the text is the broker's own sentence, or tells of speed. */
  readonly isQuiet?: boolean;
}

const shared: Readonly<Record<string, string>> = {
  'offsets.topic.num.partitions': '4',
  'transaction.state.log.num.partitions': '4',
  'share.coordinator.state.topic.num.partitions': '4',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
};

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const lines = (count: number, from = 0): string =>
  Array.from({ length: count }, (_, index) => `key-${from + index}:value-${from + index}\n`).join('');

const cases: Readonly<Record<string, readonly Command[]>> = {
  'topics are created, listed, described, grown, configured and deleted': [
    { tool: 'topics', parameters: '--create --topic tools --partitions 3 --config retention.ms=3600000' },
    { tool: 'topics', parameters: '--create --topic tools', isQuiet: true },
    { tool: 'topics', parameters: '--create --topic tools --if-not-exists' },
    { tool: 'topics', parameters: '--create --topic bad!name', isQuiet: true },
    { tool: 'topics', parameters: '--create --topic more --replication-factor 3', isQuiet: true },
    { tool: 'topics', parameters: '--create --topic gone --partitions 2' },
    { tool: 'topics', parameters: '--list --exclude-internal' },
    { tool: 'topics', parameters: '--describe --topic tools' },
    { tool: 'topics', parameters: '--describe --topic nothing', isQuiet: true },
    { tool: 'topics', parameters: '--describe --under-replicated-partitions' },
    { tool: 'topics', parameters: '--alter --topic gone --partitions 4' },
    { tool: 'topics', parameters: '--alter --topic gone --partitions 1', isQuiet: true },
    { tool: 'topics', parameters: '--describe --topic gone' },
    { tool: 'topics', parameters: '--delete --topic gone' },
    { tool: 'topics', parameters: '--delete --topic gone', isQuiet: true },
    { tool: 'topics', parameters: '--list --exclude-internal' },
    { tool: 'configs', parameters: '--alter --entity-type topics --entity-name tools --add-config segment.ms=7200000' },
    { tool: 'configs', parameters: '--describe --entity-type topics --entity-name tools' },
    { tool: 'configs', parameters: '--alter --entity-type topics --entity-name tools --delete-config segment.ms' },
    {
      tool: 'configs',
      parameters: '--alter --entity-type topics --entity-name tools --add-config no.such=1',
      isQuiet: true,
    },
    { tool: 'configs', parameters: '--describe --entity-type topics --entity-name tools' },
    {
      tool: 'configs',
      parameters: '--alter --entity-type clients --entity-name tools --add-config producer_byte_rate=900000000',
    },
    { tool: 'configs', parameters: '--describe --entity-type clients --entity-name tools' },
    {
      tool: 'configs',
      parameters: '--alter --entity-type groups --entity-name tools --add-config consumer.session.timeout.ms=50000',
    },
    { tool: 'configs', parameters: '--describe --entity-type groups --entity-name tools' },
  ],
  'lines are produced and consumed, and offsets found': [
    { tool: 'topics', parameters: '--create --topic plain' },
    {
      tool: 'console-producer',
      parameters: '--topic tools --reader-property parse.key=true --reader-property key.separator=:',
      input: lines(30),
    },
    {
      tool: 'console-producer',
      parameters: '--topic plain --compression-codec zstd --sync',
      input: 'a line without a key\n',
    },
    {
      tool: 'console-consumer',
      parameters:
        '--topic tools --partition 0 --offset earliest --max-messages 5 --formatter-property print.key=true --formatter-property print.offset=true',
    },
    {
      tool: 'console-consumer',
      parameters: '--topic tools --partition 1 --offset 3 --max-messages 2 --formatter-property print.partition=true',
    },
    { tool: 'get-offsets', parameters: '--topic tools --partitions 0,1' },
    { tool: 'get-offsets', parameters: '--topic tools --time earliest' },
    { tool: 'get-offsets', parameters: '--topic tools --time -2' },
    { tool: 'get-offsets', parameters: '--topic tools --time 1000' },
    { tool: 'get-offsets', parameters: '--topic nothing', isQuiet: true },
    {
      tool: 'delete-records',
      parameters: `--offset-json-file ${file('delete.json', '{"partitions":[{"topic":"tools","partition":0,"offset":2}],"version":1}')}`,
    },
    { tool: 'get-offsets', parameters: '--topic tools --time earliest --partitions 0' },
    { tool: 'log-dirs', parameters: '--describe --topic-list tools --broker-list 1', isQuiet: true },
    { tool: 'leader-election', parameters: '--election-type preferred --topic tools --partition 0' },
    { tool: 'reassign-partitions', parameters: '--list' },
  ],
  'groups are listed, described with their lag, reset and deleted': [
    { tool: 'topics', parameters: '--create --topic grouped --partitions 2' },
    {
      tool: 'console-producer',
      parameters: '--topic grouped --reader-property parse.key=true --reader-property key.separator=:',
      input: lines(20),
    },
    {
      tool: 'console-consumer',
      parameters: '--topic grouped --group tool-group --from-beginning --max-messages 20 --timeout-ms 20000',
      isQuiet: true,
    },
    {
      tool: 'console-producer',
      parameters: '--topic grouped --reader-property parse.key=true --reader-property key.separator=:',
      input: lines(10, 20),
    },
    { tool: 'consumer-groups', parameters: '--list' },
    { tool: 'consumer-groups', parameters: '--list --state' },
    { tool: 'groups', parameters: '--list' },
    { tool: 'consumer-groups', parameters: '--describe --group tool-group' },
    { tool: 'consumer-groups', parameters: '--describe --group tool-group --members' },
    { tool: 'consumer-groups', parameters: '--describe --group tool-group --state' },
    { tool: 'consumer-groups', parameters: '--describe --group no-such-group', isQuiet: true },
    {
      tool: 'consumer-groups',
      parameters: '--reset-offsets --group tool-group --topic grouped --to-earliest --dry-run',
    },
    {
      tool: 'consumer-groups',
      parameters: '--reset-offsets --group tool-group --topic grouped --to-offset 3 --execute',
    },
    {
      tool: 'consumer-groups',
      parameters: '--reset-offsets --group tool-group --topic grouped:1 --shift-by 2 --execute',
    },
    {
      tool: 'consumer-groups',
      parameters: '--reset-offsets --group tool-group --topic grouped --to-datetime 2020-01-01T00:00:00.000 --execute',
    },
    {
      tool: 'consumer-groups',
      parameters: '--reset-offsets --group tool-group --all-topics --by-duration PT1H --execute',
    },
    {
      tool: 'consumer-groups',
      parameters: `--reset-offsets --group tool-group --from-file ${file('offsets.csv', 'grouped,0,1\ngrouped,1,4\n')} --execute`,
    },
    {
      tool: 'consumer-groups',
      parameters: '--reset-offsets --group tool-group --topic grouped --to-latest --export --dry-run',
    },
    { tool: 'consumer-groups', parameters: '--describe --group tool-group --offsets' },
    { tool: 'consumer-groups', parameters: '--delete-offsets --group tool-group --topic grouped:0' },
    { tool: 'consumer-groups', parameters: '--describe --group tool-group' },
    { tool: 'consumer-groups', parameters: '--delete --group tool-group' },
    { tool: 'consumer-groups', parameters: '--delete --group tool-group', isQuiet: true },
    { tool: 'consumer-groups', parameters: '--list' },
  ],
  'transactions and share groups are looked at': [
    {
      tool: 'producer-perf-test',
      parameters:
        '--topic tools --num-records 200 --record-size 20 --throughput -1 --transactional-id perf --transaction-duration-ms 100',
      isQuiet: true,
    },
    { tool: 'transactions', parameters: 'describe --transactional-id perf' },
    { tool: 'transactions', parameters: 'describe-producers --topic grouped --partition 0' },
    { tool: 'transactions', parameters: 'find-hanging --broker-id 1' },
    { tool: 'share-groups', parameters: '--list' },
  ],
  'speed is measured': [
    { tool: 'topics', parameters: '--create --topic fast --partitions 2' },
    {
      tool: 'producer-perf-test',
      parameters: '--topic fast --num-records 20000 --record-size 100 --throughput -1',
      isQuiet: true,
    },
    { tool: 'consumer-perf-test', parameters: '--topic fast --num-records 20000 --timeout 20000', isQuiet: true },
    { tool: 'get-offsets', parameters: '--topic nothing-here', isQuiet: true },
  ],
};

/** What two brokers may print differently. */
function plain(answer: ToolAnswer, server: ServerUnderTest): string {
  return (
    answer.printed
      .replaceAll(String(server.port), 'PORT')
      .replaceAll(/TopicId: \S+/g, 'TopicId: ID')
      .replaceAll(/\b1[67]\d{11}\b/g, 'TIME')
      .replaceAll(/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*/g, 'TIME')
      // A fresh Kafka writes this one down for the whole cluster: docs/compatibility.md.
      .replaceAll(/Configs: min\.insync\.replicas=1,?/g, 'Configs: ')
      .replaceAll(/[ \t]+/g, ' ')
      .replaceAll(/ +$/gm, '')
      .replaceAll(/TIME \d+$/gm, 'TIME DURATION')
      .trim()
  );
}

describeInstalled("Kafka's own tools", [join(clientsCache, 'java', 'classes', 'Tools.class')], () => {
  let runner: ToolRunner;
  let kafka: KafkaProcess;
  let perfbroker: BrokerProcess;

  beforeAll(async () => {
    const settings = Object.entries(shared).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
    runner = new ToolRunner();
    [kafka, perfbroker] = await Promise.all([KafkaProcess.start(shared), BrokerProcess.start({ arguments: settings })]);
  });

  afterAll(async () => {
    await runner.stop();
    await Promise.all([kafka.dispose(), perfbroker.dispose()]);
    rmSync(folder, { recursive: true, force: true });
  });

  async function see(server: ServerUnderTest, command: Command): Promise<string> {
    const parameters = ['--bootstrap-server', server.address, ...command.parameters.split(' ')];
    const answer = await runner.run(command.tool, parameters, command.input);
    const seen = command.isQuiet === true ? '' : `\n${plain(answer, server)}`;
    return `${command.tool} ${command.parameters}: exit ${answer.code}${seen}`;
  }

  for (const [title, commands] of Object.entries(cases)) {
    it(
      title,
      async () => {
        const [left, right] = [[] as string[], [] as string[]];
        for (const command of commands) {
          left.push(await see(kafka, command));
          right.push(await see(perfbroker, command));
        }
        expect(right).toEqual(left);
      },
      CASE_MS_MAX,
    );
  }

  it('the versions of every API that both serve are the same', async () => {
    const listed = async (server: ServerUnderTest): Promise<Map<string, string>> => {
      const answer = await runner.run('broker-api-versions', ['--bootstrap-server', server.address]);
      const rows = answer.printed.matchAll(/^\s+(\w+\(\d+\)): (.*?),?$/gm);
      return new Map(
        [...rows].flatMap(([, name, versions]) =>
          name === undefined || versions === undefined ? [] : [[name, versions]],
        ),
      );
    };
    const [left, right] = [await listed(kafka), await listed(perfbroker)];
    const served = [...right].filter(([, versions]) => versions !== 'UNSUPPORTED');
    expect(served.length).toBeGreaterThan(40);
    for (const [name, versions] of served) expect(`${name} ${versions}`).toBe(`${name} ${left.get(name)}`);
  });
});
