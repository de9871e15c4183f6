/**
 * Quotas with somebody else's client (librdkafka): what it gets is the rate that was set, and it is told to wait.
 * PERFBROKER_PEER=kafka shows the same of Apache Kafka.
 *
 * A quota allows more than rate times time: who was silent, or held up by a busy machine, may catch up with what the windows
 * hold (test/net/rate-window.test.ts has that bound). So the whole life of a client is judged, from before its first request,
 * against rate × (time + windows): no stall anywhere can lift it above that. Windows are few here, to keep this small.
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
const SECONDS = 16;
const FREE_SECONDS = 5;
const WINDOW_COUNT = 3;
/** The client sends batches of 20,000 bytes and asks for 25,000. */
const REQUEST_BYTES_MAX = 30_000;
const TIMEOUT_MS = 120_000;
const WINDOWS = 'quota.window.num';
const isKafka = process.env['PERFBROKER_PEER'] === 'kafka';

interface Measured {
  readonly bytes: number;
  readonly seconds: number;
  readonly waits: number;
  /** Seconds. */
  readonly longest: number;
}

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
      ? await KafkaProcess.start({ [WINDOWS]: String(WINDOW_COUNT) })
      : await BrokerProcess.start({ arguments: ['--workers', '2', '--set', `${WINDOWS}=${WINDOW_COUNT}`] });
    await makeTopic(server, TOPIC, 1);
  }, TIMEOUT_MS);
  afterAll(() => server?.dispose());

  const measure = async (what: 'produce' | 'consume', seconds: number): Promise<Measured> => {
    const parameters = [program, what, server?.address ?? '', TOPIC, CLIENT, String(seconds)];
    return JSON.parse((await runProgram(python, parameters)).trim());
  };

  const expectHeld = ({ bytes, seconds, waits, longest }: Measured): void => {
    expect(bytes).toBeLessThan(RATE * (seconds + WINDOW_COUNT + 1) + REQUEST_BYTES_MAX);
    // Kafka gives this reader 0.78 of its quota; a machine that stands still for seconds takes more.
    expect(bytes).toBeGreaterThan(RATE * seconds * 0.6);
    expect(waits).toBeGreaterThan(2);
    expect(longest).toBeGreaterThan(0);
  };

  it(
    'are kept by who writes',
    async () => {
      const port = server?.port ?? 0;
      await setQuota(port, 'producer_byte_rate', RATE);
      expectHeld(await measure('produce', SECONDS));
      await setQuota(port, 'producer_byte_rate', null);
      const free = await measure('produce', FREE_SECONDS);
      expect(free.bytes).toBeGreaterThan(RATE * (free.seconds + WINDOW_COUNT + 1) * 3);
      expect(free.waits).toBe(0);
    },
    TIMEOUT_MS,
  );

  it(
    'are kept by who reads',
    async () => {
      await setQuota(server?.port ?? 0, 'consumer_byte_rate', RATE);
      expectHeld(await measure('consume', SECONDS));
    },
    TIMEOUT_MS,
  );
});
