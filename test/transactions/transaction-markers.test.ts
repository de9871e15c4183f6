import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Alarms } from '../../src/base/alarms.ts';
import { errorCode } from '../../src/protocol/errors.ts';
import { MarkerWriter } from '../../src/transactions/transaction-markers.ts';
import { transactionOf } from './any-transaction.ts';

it('an end that cannot be written for seconds is tried again, and told once in a minute', async () => {
  let nowMs = 0;
  let isRefusing = true;
  let tries = 0;
  const told: string[] = [];
  const alarms = new Alarms(() => nowMs);
  const silent = () => {};
  const writer = new MarkerWriter({
    append: () => {
      tries += 1;
      return Promise.resolve(isRefusing ? errorCode.KAFKA_STORAGE_ERROR : errorCode.NONE);
    },
    exists: () => true,
    onOffsetsMarker: () => Promise.resolve(),
    crc32c: () => 0,
    alarms,
    logger: { debug: silent, info: silent, warn: (message) => told.push(message), error: silent },
  });
  const pass = async (ms: number): Promise<void> => {
    for (const endMs = nowMs + ms; nowMs < endMs; nowMs += 10) {
      alarms.run();
      await setImmediate();
    }
  };
  const ended = writer.end(transactionOf({ status: 'PrepareCommit' }), 0, () => true);
  await pass(1000);
  expect(told).toEqual([]);
  await pass(20_000);
  expect(told).toEqual([
    'the end of a transaction cannot be written into orders-0: KAFKA_STORAGE_ERROR; until it can be, readers of committed records wait there',
  ]);
  expect(tries).toBeGreaterThan(20);
  isRefusing = false;
  await pass(1100);
  expect(await ended).toBe(true);
});
