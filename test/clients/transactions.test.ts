/**
 * Transactions as other people's clients do them: Kafka's Java client (version 2: the epoch grows with every transaction),
 * librdkafka and kafkajs (the time before), and the tool with which people look at transactions and end hanging ones.
 */
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { expect, it } from 'vitest';
import { crc32c } from '../../src/client/checksum.ts';
import { BatchBuilder } from '../../src/protocol/batch-builder.ts';
import { BrokerProcess, projectRoot } from './broker-process.ts';
import { clientsCache, describeForeign, describeInstalled, runProgram } from './foreign-client.ts';
import { javaArguments, javaFolder } from './kafka-process.ts';
import { makeTopic, type ServerUnderTest } from './server-under-test.ts';

const PARTITIONS = 3;
const TRANSACTIONS = 20;
const RECORDS = 50;
const MS_MAX = 180_000;
const DAY_MS = 86_400_000;
const counts = [String(PARTITIONS), String(TRANSACTIONS), String(RECORDS)];

function lastLine(said: string): unknown {
  return JSON.parse(said.trim().split('\n').at(-1) ?? '');
}

function java(...parameters: string[]): Promise<string> {
  return runProgram('java', [...javaArguments, ...parameters]);
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
      const said = await java('Transactions', server().address, 'java', ...counts);
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

describeInstalled('a hanging transaction', [join(javaFolder, 'lib')], () => {
  it(
    'is found and aborted with the tool',
    async () => {
      const dataFolder = mkdtempSync(join(tmpdir(), 'perfbroker-hanging-'));
      let broker = await BrokerProcess.start({ dataFolder });
      try {
        await makeTopic(broker, 'orders', 1);
        await broker.kill();
        // Nobody can write one: a batch of a transaction that no coordinator knows is put into the file.
        appendFileSync(join(dataFolder, 'orders-0', '00000000000000000000.log'), strayBatch());
        broker = await BrokerProcess.start({ dataFolder });
        const found = await tool(broker, 'find-hanging', '--broker-id', '1');
        expect(found).toMatch(/orders\s+0\s+4711\s+2\s+-1\s+0\s/);
        await tool(broker, 'abort', '--topic', 'orders', '--partition', '0', '--start-offset', '0');
        const again = await tool(broker, 'find-hanging', '--broker-id', '1');
        expect(again.trim().split('\n')).toHaveLength(1);
      } finally {
        await broker.dispose();
        rmSync(dataFolder, { recursive: true, force: true });
      }
    },
    MS_MAX,
  );
});

function strayBatch(): Uint8Array {
  const builder = new BatchBuilder(crc32c, {
    producerId: 4711,
    producerEpoch: 2,
    baseSequence: 0,
    isTransactional: true,
  });
  builder.add({ key: null, value: Buffer.from('stray'), timestamp: Date.now() - DAY_MS });
  return builder.build({ leaderEpoch: 0 });
}

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
