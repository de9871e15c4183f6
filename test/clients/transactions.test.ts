/**
 * Transactions as other people's clients do them: Kafka's Java client (version 2: the epoch grows with every transaction),
 * librdkafka and kafkajs (the time before), and the tool with which people look at transactions and end hanging ones.
 */
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { expect, it } from 'vitest';
import { projectRoot } from './broker-process.ts';
import { clientsCache, describeForeign, runProgram } from './foreign-client.ts';
import { javaClassPath, javaFolder } from './kafka-process.ts';
import { makeTopic, type ServerUnderTest } from './server-under-test.ts';

const PARTITIONS = 3;
const TRANSACTIONS = 20;
const RECORDS = 50;
const MS_MAX = 180_000;
const counts = [String(PARTITIONS), String(TRANSACTIONS), String(RECORDS)];

function lastLine(said: string): unknown {
  return JSON.parse(said.trim().split('\n').at(-1) ?? '');
}

function java(...parameters: string[]): Promise<string> {
  return runProgram('java', ['-Xmx256m', '-cp', javaClassPath, ...parameters]);
}

function tool(server: ServerUnderTest, ...parameters: string[]): Promise<string> {
  const main = 'org.apache.kafka.tools.TransactionsCommand';
  return java(main, '--bootstrap-server', server.address, ...parameters);
}

describeForeign('transactions of the Java client', [join(javaFolder, 'lib')], (server) => {
  it(
    'are seen whole or not at all, and a second producer fences the first',
    async () => {
      await makeTopic(server(), 'java', PARTITIONS);
      const program = join(projectRoot, 'test', 'clients', 'java', 'Transactions.java');
      const said = await java(program, server().address, 'java', ...counts);
      expect(lastLine(said)).toEqual({ missing: 0, bad: 0, fenced: true });
    },
    MS_MAX,
  );

  it(
    'are shown by the tool: listed, described, with their producers, and none of them hangs',
    async () => {
      expect(await tool(server(), 'list')).toMatch(/transfer\s+1\s+\d+\s+Complete/);
      expect(await tool(server(), 'describe', '--transactional-id', 'transfer')).toMatch(/CompleteCommit\s+60000/);
      expect(await tool(server(), 'describe-producers', '--topic', 'java', '--partition', '0')).toMatch(/\bNone\b/);
      const hanging = await tool(server(), 'find-hanging', '--broker-id', '1', '--max-transaction-timeout', '1');
      expect(hanging.trim().split('\n')).toHaveLength(1);
    },
    MS_MAX,
  );
});

const python = join(clientsCache, 'python', 'bin', 'python');

describeForeign('transactions of confluent-kafka', [python, join(clientsCache, 'python.installed')], (server) => {
  it(
    'are seen whole or not at all, with the offsets of a group',
    async () => {
      await makeTopic(server(), 'python', PARTITIONS);
      const program = join(projectRoot, 'test', 'clients', 'python', 'transactions.py');
      const said = await runProgram(python, [program, server().address, 'python', ...counts]);
      expect(lastLine(said)).toEqual({ missing: 0, bad: 0, fenced: true, offsetsAreRight: true });
    },
    MS_MAX,
  );
});

describeForeign('transactions of kafkajs', [], (server) => {
  it(
    'are seen whole or not at all, with the offsets of a group',
    async () => {
      await makeTopic(server(), 'kafkajs', PARTITIONS);
      const kafka = new Kafka({ clientId: 'kafkajs', brokers: [server().address], logLevel: logLevel.NOTHING });
      const producer = kafka.producer({ transactionalId: 'kafkajs', idempotent: true, maxInFlightRequests: 1 });
      await producer.connect();
      for (let t = 0; t < TRANSACTIONS; t++) {
        const isCommitted = t % 2 === 0;
        const transaction = await producer.transaction();
        const messages = Array.from({ length: RECORDS }, (_, r) => ({
          value: `${isCommitted ? 'good' : 'bad'}-${t}-${r}`,
          partition: r % PARTITIONS,
        }));
        await transaction.send({ topic: 'kafkajs', messages });
        const offsets = [{ topic: 'kafkajs', partitions: [{ partition: 0, offset: String(1000 + t) }] }];
        await transaction.sendOffsets({ consumerGroupId: 'kafkajs-offsets', topics: offsets });
        await (isCommitted ? transaction.commit() : transaction.abort());
      }
      await producer.disconnect();
      expect(await readAll(kafka, (TRANSACTIONS / 2) * RECORDS)).toEqual({
        good: (TRANSACTIONS / 2) * RECORDS,
        bad: 0,
      });
      const admin = kafka.admin();
      await admin.connect();
      const offsets = await admin.fetchOffsets({ groupId: 'kafkajs-offsets', topics: ['kafkajs'] });
      await admin.disconnect();
      const first = offsets[0]?.partitions.find(({ partition }) => partition === 0);
      expect(first?.offset).toBe(String(1000 + TRANSACTIONS - 2));
    },
    MS_MAX,
  );
});

/** Its consumers read committed records only, unless they are told otherwise. */
async function readAll(kafka: Kafka, expected: number): Promise<{ readonly good: number; readonly bad: number }> {
  const consumer = kafka.consumer({ groupId: 'kafkajs-readers', maxWaitTimeInMs: 200 });
  const seen = { good: 0, bad: 0 };
  await consumer.connect();
  await consumer.subscribe({ topic: 'kafkajs', fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`only ${seen.good} of ${expected} records came`)), MS_MAX / 2);
    consumer
      .run({
        eachMessage: async ({ message }) => {
          if (message.value?.toString().startsWith('good-')) seen.good += 1;
          else seen.bad += 1;
          if (seen.good < expected) return;
          clearTimeout(timer);
          resolve();
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
  return seen;
}
