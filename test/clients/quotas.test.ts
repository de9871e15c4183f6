/**
 * Quotas with somebody else's client (librdkafka): what it gets is the rate that was set, within a fifth, and it is told to
 * wait. Windows are few here, so that a burst is soon over. PERFBROKER_PEER=kafka shows the same of Apache Kafka.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Connection } from '../../src/client/connection.ts';
import { alterClientQuotas } from '../../src/protocol/schemas/49-alter-client-quotas.ts';
import { BrokerProcess, projectRoot } from './broker-process.ts';
import { clientsCache, describeInstalled, runProgram } from './foreign-client.ts';
import { KafkaProcess } from './kafka-process.ts';
import { makeTopic, type ServerUnderTest } from './server-under-test.ts';

const python = join(clientsCache, 'python', 'bin', 'python');
const program = join(projectRoot, 'test', 'clients', 'python', 'quotas.py');
const TOPIC = 'quotas';
const CLIENT = 'limited';
const RATE = 200_000;
const LEAD_SECONDS = 4;
const SECONDS = 12;
const TIMEOUT_MS = 120_000;
const WINDOWS = 'quota.window.num';
const isKafka = process.env['PERFBROKER_PEER'] === 'kafka';

async function setQuota(port: number, key: string, value: number | null): Promise<void> {
  const connection = await Connection.open({ host: '127.0.0.1', port });
  const answer = await connection.request(alterClientQuotas, {
    entries: [
      {
        entity: [{ entityType: 'client-id', entityName: CLIENT }],
        ops: [{ key, value: value ?? 0, remove: value === null }],
      },
    ],
    validateOnly: false,
  });
  expect(answer.entries[0]?.errorCode).toBe(0);
  await connection.close();
}

describeInstalled('quotas seen by librdkafka', [python, join(clientsCache, 'python.installed')], () => {
  let server: ServerUnderTest | null = null;
  beforeAll(async () => {
    server = isKafka
      ? await KafkaProcess.start({ [WINDOWS]: '3' })
      : await BrokerProcess.start({ arguments: ['--workers', '2', '--set', `${WINDOWS}=3`] });
    await makeTopic(server, TOPIC, 1);
  }, TIMEOUT_MS);
  afterAll(() => server?.dispose());

  const measure = async (what: 'produce' | 'consume') => {
    const parameters = [program, what, server?.address ?? '', TOPIC, CLIENT, String(LEAD_SECONDS), String(SECONDS)];
    return JSON.parse((await runProgram(python, parameters)).trim());
  };

  const expectHeld = ({ rate, waits, longest }: { rate: number; waits: number; longest: number }): void => {
    // Kafka itself gives this reader 0.78 of its quota.
    expect(rate / RATE).toBeGreaterThan(isKafka ? 0.75 : 0.8);
    expect(rate / RATE).toBeLessThan(1.2);
    expect(waits).toBeGreaterThan(2);
    expect(longest).toBeGreaterThan(0);
  };

  it(
    'are kept by who writes',
    async () => {
      const port = server?.port ?? 0;
      await setQuota(port, 'producer_byte_rate', RATE);
      expectHeld(await measure('produce'));
      await setQuota(port, 'producer_byte_rate', null);
      const free = await measure('produce');
      expect(free.rate).toBeGreaterThan(RATE * 5);
      expect(free.waits).toBe(0);
    },
    TIMEOUT_MS,
  );

  it(
    'are kept by who reads',
    async () => {
      await setQuota(server?.port ?? 0, 'consumer_byte_rate', RATE);
      expectHeld(await measure('consume'));
    },
    TIMEOUT_MS,
  );
});
