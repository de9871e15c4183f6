/** The built broker under the newest even Node release, on every transport that the machine allows. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { BrokerProcess } from './broker-process.ts';
import { readWhole, writeMixedLoad } from './data-folder.ts';
import { clientsCache, describeInstalled, runProgram } from './foreign-client.ts';

const node = join(clientsCache, 'newest-node', 'node_modules', 'node', 'bin', 'node');
const TIMEOUT_MS = 120_000;

describeInstalled('the newest even Node release', [node], () => {
  it('is newer than the one the other tests run on', async () => {
    const version = await runProgram(node, ['--version']);
    expect(Number(/^v(\d+)\./.exec(version)?.[1])).toBeGreaterThanOrEqual(24);
  });

  // With several fronts plain Node takes another way to one port than it does on older releases.
  for (const [io, fronts] of [
    ['default', '1'],
    ['epoll', '1'],
    ['node', '1'],
    ['node', '3'],
  ] as const) {
    it(
      `runs the broker with its ${io} transport and ${fronts} front(s)`,
      async () => {
        const arguments_ = ['--fronts', fronts, ...(io === 'default' ? [] : ['--io', io])];
        const broker = await BrokerProcess.start({ node, arguments: arguments_ });
        try {
          const written = await writeMixedLoad(broker.port, 'newest');
          expect((await readWhole(broker.port, 'newest')).map((lines) => lines.length)).toEqual(written);
          expect(await broker.stop(), broker.output).toBe(0);
        } finally {
          await broker.dispose();
        }
      },
      TIMEOUT_MS,
    );
  }
});
