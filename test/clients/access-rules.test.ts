/**
 * Access rules as people meet them: made with Kafka's own tool and with ours, felt by a foreign client. What no rule speaks
 * of is open to everybody here, so that the first rule can be made without logging in.
 */
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../cli/command-rig.ts';
import { BrokerProcess } from './broker-process.ts';
import { clientsCache, describeInstalled } from './foreign-client.ts';
import { type ToolAnswer, ToolRunner } from './tool-runner.ts';

const CASE_MS_MAX = 120_000;
const settings = [
  'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'allow.everyone.if.no.acl.found=true',
  'offsets.topic.num.partitions=4',
].flatMap((setting) => ['--set', setting]);

let broker: BrokerProcess;

beforeAll(async () => {
  broker = await BrokerProcess.start({ arguments: settings });
});

afterAll(async () => {
  await broker.dispose();
});

async function type(line: string): Promise<string> {
  const environment = { PERFBROKER_BOOTSTRAP_SERVER: broker.address };
  const { exitCode, output, warnings } = await run(line.split(' '), { environment });
  expect(exitCode, `${line}: ${warnings}`).toBe(0);
  return output;
}

describe('perfbroker acl', () => {
  it('denies and grants, and a foreign client feels it at once', async () => {
    const kafka = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING, retry: { retries: 0 } });
    const producer = kafka.producer({ allowAutoTopicCreation: false });
    await type('topic create secret');
    await producer.connect();
    const send = (): Promise<unknown> => producer.send({ topic: 'secret', messages: [{ value: 'one' }] });
    await send();
    // Somebody else's rule: from here on the topic is his alone.
    expect(await type('acl add --topic secret --producer --allow-principal User:alice')).toBe(
      'User:alice may Write Topic secret\nUser:alice may Describe Topic secret\nUser:alice may Create Topic secret\n',
    );
    await expect(send()).rejects.toMatchObject({ type: 'TOPIC_AUTHORIZATION_FAILED' });
    await type(
      'acl add --topic sec --resource-pattern-type prefixed --operation write --allow-principal User:ANONYMOUS',
    );
    await send();
    await type('acl add --topic secret --operation Write --deny-principal User:* --deny-host 127.0.0.1');
    await expect(send()).rejects.toMatchObject({ type: 'TOPIC_AUTHORIZATION_FAILED' });
    const listed: Record<string, string>[] = JSON.parse(
      await type('acl list --topic secret --resource-pattern-type match --json'),
    );
    expect(listed.map(({ name, principal, permission }) => `${name} ${principal} ${permission}`).sort()).toEqual([
      'sec User:ANONYMOUS Allow',
      'secret User:* Deny',
      'secret User:alice Allow',
      'secret User:alice Allow',
      'secret User:alice Allow',
    ]);
    expect(await type('acl remove --topic secret')).toContain('4 access rules removed');
    await send();
    expect(await type('acl remove --all')).toContain('1 access rules removed');
    await producer.disconnect();
    await type('topic delete secret');
  });

  it('says what is missing', async () => {
    const environment = { PERFBROKER_BOOTSTRAP_SERVER: broker.address };
    for (const line of [
      'acl add --topic t',
      'acl add --allow-principal User:x',
      'acl remove',
      'acl add --topic t --operation fly --allow-principal User:x',
      'acl add --topic t --allow-principal User:x --deny-host 10.0.0.1',
      'acl add --topic t --group g --producer --allow-principal User:x',
      'acl add --topic t --allow-principal x',
    ]) {
      const { exitCode, warnings } = await run(line.split(' '), { environment });
      expect([line, exitCode === 0]).toEqual([line, false]);
      expect(warnings).not.toBe('');
    }
    expect(await type('acl list')).not.toContain('User:x');
  });

  it('takes no rule away for a host without a principal', async () => {
    const environment = { PERFBROKER_BOOTSTRAP_SERVER: broker.address };
    await type('acl add --topic kept --allow-principal User:alice');
    const { exitCode, warnings } = await run('acl remove --topic kept --deny-host 10.0.0.1'.split(' '), {
      environment,
    });
    expect([exitCode, warnings]).toEqual([
      1,
      'perfbroker: --deny-host says from where, not who; write --deny-principal as well',
    ]);
    expect(await type('acl remove --topic kept')).toContain('1 access rules removed');
  });
});

describeInstalled("Kafka's own acl tool", [join(clientsCache, 'java', 'classes', 'Tools.class')], () => {
  let runner: ToolRunner;

  beforeAll(() => {
    runner = new ToolRunner();
  });

  afterAll(async () => {
    await runner.stop();
  });

  const acls = (parameters: string): Promise<ToolAnswer> =>
    runner.run('acls', ['--bootstrap-server', broker.address, ...parameters.split(' ')]);

  it(
    'adds, lists and removes rules',
    async () => {
      const added = await acls('--add --allow-principal User:bob --operation Read --operation Describe --topic orders');
      expect(added.code, added.complained).toBe(0);
      expect(added.printed).toContain('resourceType=TOPIC, name=orders, patternType=LITERAL');
      const prefixed = '--resource-pattern-type prefixed --topic ord --group billing';
      expect((await acls(`--add --allow-principal User:bob --consumer ${prefixed}`)).code).toBe(0);
      expect((await acls('--add --deny-principal User:eve --group eves --operation Read')).code).toBe(0);
      const listed = await acls('--list --topic orders --resource-pattern-type match');
      expect(listed.printed).toContain('principal=User:bob, host=*, operation=READ, permissionType=ALLOW');
      expect(listed.printed).toContain('name=ord, patternType=PREFIXED');
      expect((await acls('--list --principal User:eve')).printed).toContain('permissionType=DENY');
      const ours: Record<string, string>[] = JSON.parse(await type('acl list --json'));
      expect(ours.filter(({ principal }) => principal === 'User:bob').length).toBe(5);
      expect((await acls('--remove --force --topic orders')).code).toBe(0);
      expect((await acls(`--remove --force ${prefixed}`)).code).toBe(0);
      expect((await acls('--remove --force --group eves')).code).toBe(0);
      expect(JSON.parse(await type('acl list --json'))).toEqual([]);
    },
    CASE_MS_MAX,
  );
});
