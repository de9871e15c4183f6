/**
 * A broker with three fronts, one of which is ended from outside while it serves. Run by `test/process/fronts.test.ts`;
 * takes the data folder and the way to the kernel. What the broker does then is what is tested.
 */
import { connect } from 'node:net';
import { Worker } from 'node:worker_threads';
import { Broker } from '../../src/broker.ts';
import { loadBrokerConfig } from '../../src/config/load.ts';

const [dataFolder = '', io = ''] = process.argv.slice(2);
const flags = { port: '0', 'log.dirs': dataFolder, 'perfbroker.fronts': '3', 'perfbroker.io': io };
const broker = new Broker({ config: loadBrokerConfig({ flags }), logLevel: 'warn', logFormat: 'text' });
await broker.start();

/** Of the second front, wherever the broker keeps it. */
function threadOf(name: string, within: unknown, depth: number): Worker | null {
  if (within instanceof Worker || typeof within !== 'object' || within === null || depth === 0) return null;
  if ('name' in within && within.name === name && 'worker' in within && within.worker instanceof Worker)
    return within.worker;
  for (const part of Object.values(within)) {
    const found = threadOf(name, part, depth - 1);
    if (found !== null) return found;
  }
  return null;
}

const victim = threadOf('front-1', Reflect.get(broker, 'fronts'), 4);
if (victim === null) throw new Error('the broker has a second front');
victim.terminate();
// A thread that sleeps in the kernel ends when it wakes: each of the three gets a connection.
for (let count = 0; count < 3; count++) connect(broker.address.port, '127.0.0.1').on('error', () => undefined);
