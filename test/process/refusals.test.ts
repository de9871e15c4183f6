/** What a person did wrong: one sentence with the way out, exit code 1, and nothing left behind. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mainFile, Spawned, startBroker, temporaryFolder } from './spawned.ts';

const NOBODY = 65_534;

async function refusal(args: readonly string[], program?: readonly string[]): Promise<string> {
  const ended = await new Spawned(args, program === undefined ? {} : { program }).ended;
  expect(ended.stdout).toBe('');
  expect(ended.code, ended.stderr).toBe(1);
  const lines = ended.stderr.trimEnd().split('\n');
  expect(lines, ended.stderr).toHaveLength(1);
  expect(lines[0]).toMatch(/^perfbroker: /);
  return ended.stderr;
}

describe('a broker that cannot start', () => {
  const wrong: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['an unknown flag', ['--prot', '1'], /did you mean --port\?/],
    ['an unknown I/O path', ['--io', 'uuring'], /one of uring, epoll, node/],
    ['an unknown setting', ['--set', 'log.segment.byte=1'], /did you mean log\.segment\.bytes\?/],
    ['a setting without a value', ['--set', 'log.segment.bytes'], /write --set key=value/],
    ['a setting out of bounds', ['--set', 'log.segment.bytes=1'], /at least 1048576/],
    ['no partitions', ['--partitions', '0'], /between 1 and 10000/],
    ['partitions that are no number', ['--partitions', 'many'], /between 1 and 10000/],
    ['a settings file that is not there', ['--config', '/nowhere/at.all'], /check the path/],
    ['an address of another machine', ['--host', '203.0.113.1'], /--host/],
  ];
  for (const [what, args, remedy] of wrong) {
    it(`says what is wrong with ${what}, and makes no data folder`, async () => {
      const parent = temporaryFolder();
      expect(await refusal(['--data', join(parent, 'a', 'b'), '--port', '0', ...args])).toMatch(remedy);
      expect(readdirSync(parent)).toEqual([]);
    });
  }

  for (const io of ['', 'epoll', 'node']) {
    it(`names a port that is taken (${io === '' ? 'best path' : io}), and makes no data folder`, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const parent = temporaryFolder();
      const flags = ['--data', join(parent, 'a'), '--port', String(port), ...(io === '' ? [] : ['--io', io])];
      expect(await refusal(flags)).toContain(`port ${port} is taken by another process; choose one with --port`);
      expect(readdirSync(parent)).toEqual([]);
      server.close();
    });
  }

  it('names a data folder that is a file, or that nobody can make', async () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    for (const [path, why] of [
      [file, 'is a file'],
      [join(file, 'below'), 'lies below a file'],
      ['/proc/perfbroker', 'cannot be written (ENOENT)'],
    ]) {
      const text = await refusal(['--data', `${path}`, '--port', '0']);
      expect(text).toContain(`data folder ${path} ${why}; choose another with --data`);
    }
  });

  it.runIf(process.getuid?.() === 0 && existsSync('/usr/bin/setpriv'))(
    'names a data folder of another user',
    async () => {
      const parent = temporaryFolder();
      chmodSync(parent, 0o755);
      const asNobody = ['/usr/bin/setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
      const program = [...asNobody, process.execPath, mainFile];
      const text = await refusal(['--data', join(parent, 'data'), '--port', '0'], program);
      expect(text).toMatch(/data folder .* cannot be written; choose another with --data or change its owner/);
      expect(readdirSync(parent)).toEqual([]);
    },
  );

  it('leaves a folder alone that a newer version wrote', async () => {
    const folder = join(temporaryFolder(), 'newer');
    mkdirSync(folder);
    writeFileSync(join(folder, 'perfbroker.format'), '999\n');
    expect(await refusal(['--data', folder, '--port', '0'])).toMatch(/newer perfbroker .* use that version/);
    expect(readdirSync(folder)).toEqual(['perfbroker.format']);
  });

  it('names the process that has the data folder, which goes on undisturbed', async () => {
    const folder = temporaryFolder();
    const first = startBroker(folder);
    await first.port();
    const text = await refusal(['--data', folder, '--port', '0']);
    expect(text).toContain(`is in use by process ${first.pid}; stop it or choose another with --data`);
    expect((await first.stop('SIGTERM')).code).toBe(0);
  });
});

describe('the command line', () => {
  it('shows help and version without starting anything', async () => {
    const help = await new Spawned(['--help']).ended;
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('Usage: perfbroker [flags]');
    const version = await new Spawned(['--version']).ended;
    expect(version).toMatchObject({ code: 0, stderr: '' });
    expect(version.stdout).toMatch(/^perfbroker \d+\.\d+\.\d+\n$/);
  });

  it('is content with nobody reading what it shows', async () => {
    for (const flag of ['--help', '--settings']) {
      const child = spawn(process.execPath, [mainFile, flag], { stdio: ['ignore', 'pipe', 'pipe'] });
      child.stdout.destroy();
      let told = '';
      child.stderr.on('data', (chunk: Buffer) => {
        told += chunk.toString();
      });
      expect(await once(child, 'close')).toEqual([0, null]);
      expect(told).toBe('');
    }
  });
});
