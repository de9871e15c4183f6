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

  for (const io of ['default', 'epoll', 'node']) {
    it(
      `runs the broker with its ${io} transport`,
      async () => {
        const broker = await BrokerProcess.start({ node, arguments: io === 'default' ? [] : ['--io', io] });
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
