/**
 * A broker that says it listens answers at once. A front whose thread a worker shares was told that the doors are open in a way
 * that did not wake it: every other start, the first client waited a second, until the worker looked after its logs.
 */
import { expect, it } from 'vitest';
import { until } from '../bounds/bounded-broker.ts';
import { Crowd } from '../bounds/crowd.ts';
import { startBroker, temporaryFolder } from './spawned.ts';

/** ApiVersions of version 0 with a null client id. */
const REQUEST = Buffer.from('0000000a0012000000000007ffff', 'hex');
const STARTS = 8;
/** On a busy machine one or the other may be slow for other reasons. */
const SLOW_MAX = 1;
const SOON_MS = 700;

it('the first request after the start screen is answered soon', async () => {
  const tookMs: number[] = [];
  for (let start = 0; start < STARTS; start++) {
    const broker = startBroker(
      temporaryFolder(),
      start % 2 === 0 ? [] : ['--io', process.platform === 'linux' ? 'epoll' : 'node'],
    );
    const port = await broker.port();
    const beginMs = performance.now();
    const crowd = await Crowd.connect(port, 1);
    crowd.send(REQUEST);
    await until('an answer', () => crowd.receivedBytes > 0, 10_000);
    tookMs.push(Math.round(performance.now() - beginMs));
    crowd.destroy();
    await broker.stop('SIGTERM');
  }
  expect(tookMs.filter((ms) => ms > SOON_MS).length, tookMs.join()).toBeLessThanOrEqual(SLOW_MAX);
});
