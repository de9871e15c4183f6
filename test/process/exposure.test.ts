/** What the start screen of a real broker says of doors that others reach. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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

it('with access rules the HTTP side asks who it is, and the start screen says what holds', async () => {
  const rules = ['--set', 'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer'];
  const reached = ['--http-port', '0', '--http-host', '0.0.0.0'];
  const statuses = async (args: readonly string[]): Promise<readonly number[]> => {
    const broker = startBroker(temporaryFolder(), [...reached, ...rules, ...args]);
    await broker.port();
    const port = /http:\/\/0\.0\.0\.0:(\d+)/.exec(broker.output)?.[1];
    const seen: number[] = [];
    for (const path of ['health', 'ready', 'metrics', 'status', 'nothing'])
      seen.push((await fetch(`http://127.0.0.1:${port}/${path}`)).status);
    const { stdout } = await broker.stop('SIGTERM');
    expect(stdout).toMatch(/ {2}access +as the access rules say/);
    expect(stdout).toMatch(/ {2}warning http:\S+ takes passwords over plain HTTP/);
    return seen;
  };
  expect(await statuses([])).toEqual([200, 200, 401, 401, 401]);
  expect(await statuses(['--set', 'allow.everyone.if.no.acl.found=true'])).toEqual([200, 200, 200, 200, 404]);
  expect(await statuses(['--set', 'super.users=User:ANONYMOUS'])).toEqual([200, 200, 200, 200, 404]);
});

it('with users the HTTP side takes one of them and the password, and says nothing of it elsewhere', async () => {
  const folder = temporaryFolder();
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, 'a secret: of some length', { mode: 0o600 });
  const first = ['--add-scram', `SCRAM-SHA-512=[name=admin,password-file=${passwordFile}]`];
  const broker = startBroker(join(folder, 'data'), ['--http-port', '0', '--http-host', '0.0.0.0', ...first]);
  await broker.port();
  const port = /http:\/\/0\.0\.0\.0:(\d+)/.exec(broker.output)?.[1];
  const status = async (...credentials: readonly string[]): Promise<number> => {
    const [given] = credentials.map((text) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` }));
    return (await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { ...given } })).status;
  };
  expect(await status()).toBe(401);
  expect(await status('admin:a secret: of some length')).toBe(200);
  expect([await status('admin:guess'), await status('nobody:a secret: of some length')]).toEqual([401, 401]);
  const { stdout, stderr } = await broker.stop('SIGTERM');
  expect(stdout + stderr).not.toMatch(/a secret|guess/);
  expect(readFileSync(join(folder, 'data', 'perfbroker.metadata'), 'latin1')).not.toContain('a secret');
});
