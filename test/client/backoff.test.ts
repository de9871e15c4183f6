/** Waiting before the next try, and when to stop trying. */
import { expect, it } from 'vitest';
import { Fault } from '../../src/base/fault.ts';
import { AnswerError, errorCodeOf, mayRetry } from '../../src/client/answer-error.ts';
import { backoffMs, retrying, within } from '../../src/client/backoff.ts';
import { addressesOf } from '../../src/client/dial.ts';
import { errorCode } from '../../src/protocol/errors.ts';

it('doubles from try to try up to the maximum, a fifth more or less', () => {
  const waits = (random: number) => [0, 1, 2, 3, 4, 50].map((attempt) => backoffMs(attempt, {}, () => random));
  expect(waits(0.5)).toEqual([100, 200, 400, 800, 1000, 1000]);
  expect(waits(0)).toEqual([80, 160, 320, 640, 800, 800]);
  expect(waits(1)).toEqual([120, 240, 480, 960, 1200, 1200]);
  expect(backoffMs(3, { retryBackoffMs: 10, retryBackoffMaxMs: 50 }, () => 0.5)).toBe(50);
});

it('tries again what may succeed, and nothing else', async () => {
  const options = { deadlineMs: Date.now() + 60_000, retryBackoffMs: 0 };
  let tries = 0;
  const result = await retrying('a', options, async () => {
    if (++tries < 3) throw new AnswerError(errorCode.NOT_COORDINATOR, 'a');
    return 'done';
  });
  expect([result, tries]).toEqual(['done', 3]);
  tries = 0;
  const refused = retrying('b', options, async () => {
    tries++;
    throw new AnswerError(errorCode.INVALID_GROUP_ID, 'b');
  });
  expect(errorCodeOf(await refused.catch((error: unknown) => error))).toBe(errorCode.INVALID_GROUP_ID);
  expect(tries).toBe(1);
});

it('gives up at the deadline and says why', async () => {
  const late = retrying('c', { deadlineMs: Date.now() }, async () => {
    throw new Fault('PB_CONNECTION', 'nobody is there');
  });
  await expect(late).rejects.toMatchObject({ code: 'PB_TIMEOUT', message: expect.stringContaining('nobody is there') });
  await expect(within(new Promise(() => {}), 0, 'nothing')).rejects.toMatchObject({ code: 'PB_TIMEOUT' });
});

it('knows which failures may pass', () => {
  expect(mayRetry(new AnswerError(errorCode.LEADER_NOT_AVAILABLE, 'd'))).toBe(true);
  expect(mayRetry(new AnswerError(errorCode.PRODUCER_FENCED, 'd'))).toBe(false);
  expect(mayRetry(new Fault('PB_CONNECTION', 'd'))).toBe(true);
  expect(mayRetry(new Fault('PB_PROTOCOL', 'd'))).toBe(false);
  expect(mayRetry(new Error('d'))).toBe(false);
  expect(new AnswerError(errorCode.PRODUCER_FENCED, 'e')).toMatchObject({
    code: 'PB_ANSWER',
    errorCode: 90,
    errorName: 'PRODUCER_FENCED',
    isRetriable: false,
  });
});

it('reads lists of brokers', () => {
  expect(addressesOf('one:1, [::1]:9093,three')).toEqual([
    { host: 'one', port: 1 },
    { host: '::1', port: 9093 },
    { host: 'three', port: 9092 },
  ]);
  for (const wrong of ['', 'a:0', 'a:70000', ':1', 'a:b']) expect(() => addressesOf(wrong)).toThrow('is not host:port');
});
