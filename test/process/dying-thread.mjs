/**
 * Loaded into every thread of a broker before its own code (`node --import`), by `thread-death.test.ts`: the thread that the
 * variable DYING_THREAD names dies as soon as a file is there, in the way that is asked for. It knows threads by the file
 * that they run, and what such a thread calls all the time: the broker has no part in it. Once, unless DYING_OFTEN is set.
 */
import { existsSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import { isMainThread, workerData } from 'node:worker_threads';

const { DYING_THREAD, DYING_WAY, DYING_WHEN, DYING_OFTEN } = process.env;
const LOOK_EVERY_MS = 10;

function nameOfThis() {
  if (isMainThread) return 'main';
  const file = basename(process.argv[1] ?? '', '.main.js');
  if (file === 'front' && workerData?.group?.listeners?.some(({ tls }) => tls !== null)) return 'tls-front';
  if (file === 'disk-aide') return `disk-aide-${workerData.index}`;
  // Of piscina, whose threads run a file of its own.
  return file === 'worker.js' ? 'background' : file;
}

function die() {
  if (DYING_WAY === 'exit') process.exit(0);
  if (DYING_WAY === 'memory') {
    const held = [];
    for (;;) held.push(new Array(100_000).fill(held.length));
  }
  throw new Error('as the test wants it');
}

if (DYING_THREAD !== undefined && DYING_THREAD === nameOfThis()) {
  const now = performance.now.bind(performance);
  const { load } = Atomics;
  let lookAtMs = 0;
  const look = () => {
    const nowMs = now();
    if (nowMs < lookAtMs) return;
    lookAtMs = nowMs + LOOK_EVERY_MS;
    if (!existsSync(DYING_WHEN)) return;
    if (DYING_OFTEN === undefined) rmSync(DYING_WHEN);
    die();
  };
  // A front on plain Node and main return to their event loop, the others never do.
  setInterval(look, LOOK_EVERY_MS).unref();
  if (!isMainThread) {
    performance.now = () => {
      look();
      return now();
    };
    Atomics.load = (...given) => {
      look();
      return load(...given);
    };
  }
}
