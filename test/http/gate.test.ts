/** The gate by itself, with waits that end when the test says so. */
import { expect, it } from 'vitest';
import { Gate, type Verdict } from '../../src/http/gate.ts';

const authorizationOf = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

it('answers wrong passwords late, sixteen at one time, tells of them, and lets others in meanwhile', async () => {
  const ends: (() => void)[] = [];
  const told: string[] = [];
  const gate = new Gate({
    doorman: {
      hasUsers: true,
      hasRules: true,
      isPassword: (user, password) => Promise.resolve(user === 'alice' && password === 'secret'),
      mayDescribeCluster: (principal) => principal !== 'User:ANONYMOUS',
    },
    refusalWaitMs: 500,
    wait: (ms) => {
      expect(ms).toBe(500);
      return new Promise((resolve) => ends.push(resolve));
    },
    failed: (user, address) => told.push(`${user} ${address}`),
  });
  const judge = (password: string): Promise<Verdict> =>
    gate.judge({ authorization: authorizationOf('alice', password), address: '10.0.0.7' });
  const answers: Verdict[] = [];
  const wrong = Array.from({ length: 15 }, () => judge('guess').then((verdict) => answers.push(verdict)));
  await new Promise((resolve) => setImmediate(resolve));
  expect([answers, ends.length, told.length]).toEqual([[], 15, 15]);
  expect(await judge('secret')).toBe('welcome');
  wrong.push(judge('guess').then((verdict) => answers.push(verdict)));
  // The sixteenth is being looked at: whoever comes now comes again.
  expect(await judge('secret')).toBe('busy');
  expect(await gate.judge({ authorization: undefined, address: '10.0.0.7' })).toBe('login');
  await new Promise((resolve) => setImmediate(resolve));
  for (const end of ends) end();
  await Promise.all(wrong);
  expect(answers).toEqual(Array(16).fill('login'));
  expect(new Set(told)).toEqual(new Set(['alice 10.0.0.7']));
  expect(await judge('secret')).toBe('welcome');
});
