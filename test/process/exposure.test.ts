/** What the start screen of a real broker says of doors that others reach. */
import { expect, it } from 'vitest';
import { startBroker, temporaryFolder } from './spawned.ts';

async function screenOf(args: readonly string[]): Promise<string> {
  const broker = startBroker(temporaryFolder(), args);
  await broker.port();
  return (await broker.stop('SIGTERM')).stdout;
}

it('warns of a listener and an HTTP side that others reach and nobody watches, and is silent on the loopback address', async () => {
  const open = await screenOf(['--host', '0.0.0.0', '--http-port', '0', '--http-host', '0.0.0.0']);
  expect(open).toMatch(/ {2}warning PLAINTEXT:\/\/0\.0\.0\.0:\d+ is open \(PLAINTEXT\): .*--host 127\.0\.0\.1/);
  expect(open).toMatch(/ {2}warning http:\/\/0\.0\.0\.0:\d+ shows .*--http-host 127\.0\.0\.1/);
  expect(await screenOf(['--http-port', '0'])).not.toContain('warning');
});
