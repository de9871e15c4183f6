/** What a scenario is, and what they share: topics of their own, reading to the end, waiting for a group to settle. */
import { randomUUID } from 'node:crypto';
import {
  type Client,
  type ConsumedRecord,
  type ConsumerOptions,
  createClient,
  type RecordConsumer,
  type TopicPartition,
} from '../../../src/client/client.ts';

export interface Scenario {
  readonly name: string;
  /** `address` for scenarios that make clients of their own. */
  readonly run: (client: Client, address: string) => Promise<void>;
}

export const POLL_MS = 500;
export const WAIT_MS = 30_000;
export const EVENTUALLY_MS = 5000;
export const EARLIEST: ConsumerOptions = {
  autoOffsetReset: 'earliest',
  heartbeatIntervalMs: 300,
  sessionTimeoutMs: 10_000,
};

/** Runs one scenario with a client of its own, and leaves nothing open behind it. */
export async function runScenario(address: string, scenario: Scenario): Promise<void> {
  const client = createClient({ brokers: address, clientId: 'scenario' });
  try {
    await scenario.run(client, address);
  } finally {
    await client.close();
  }
}

export async function newTopic(
  client: Client,
  partitions: number,
  configs: Record<string, string> = {},
): Promise<string> {
  const name = `scenario-${randomUUID()}`;
  await client.admin().createTopic({ name, partitions, replicationFactor: 1, configs });
  return name;
}

export function places(topic: string, count: number): TopicPartition[] {
  return Array.from({ length: count }, (_, partition) => ({ topic, partition }));
}

/** Reads until so many records are there; the test's own time limit ends what never comes. */
export async function read(consumer: RecordConsumer, count: number): Promise<ConsumedRecord[]> {
  const records: ConsumedRecord[] = [];
  while (records.length < count) {
    const batch = await consumer.poll({ timeoutMs: POLL_MS });
    if (batch !== null) records.push(...batch.records);
  }
  return records;
}

export function texts(records: readonly ConsumedRecord[]): string[] {
  return records.map((record) => record.value?.toString() ?? 'null').sort();
}

/** A broker may learn a moment after the controller has said yes: asks until the answer is the wished one, or is the last. */
export async function eventually<T>(ask: () => Promise<T>, isWished: (answer: T) => boolean): Promise<T> {
  const deadlineMs = Date.now() + EVENTUALLY_MS;
  for (;;) {
    const answer = await ask();
    if (isWished(answer) || Date.now() > deadlineMs) return answer;
  }
}

/** Polls all of them in turn until the condition holds. */
export async function pollUntil(consumers: readonly RecordConsumer[], isReached: () => boolean): Promise<void> {
  const deadlineMs = Date.now() + WAIT_MS;
  const spin = async (consumer: RecordConsumer): Promise<void> => {
    while (!isReached()) {
      if (Date.now() > deadlineMs)
        throw new Error(`not reached: ${JSON.stringify(consumers.map((one) => one.assignment()))}`);
      await consumer.poll({ timeoutMs: 50 });
    }
  };
  await Promise.all(consumers.map(spin));
}

export function isSplit(consumers: readonly RecordConsumer[], partitions: number): boolean {
  const held = consumers.flatMap((consumer) => consumer.assignment().map(({ partition }) => partition));
  const isFair = consumers.every((consumer) => consumer.assignment().length > 0);
  return isFair && held.length === partitions && new Set(held).size === partitions;
}
