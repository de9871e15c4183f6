/** Which way to the kernel is taken where a better one is forbidden or not there, and what the person is told. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root, Spawned, startBroker, temporaryFolder } from './spawned.ts';

const compiler = ['cc', 'gcc', 'clang'].find((name) => spawnSync(name, ['--version']).status === 0) ?? null;

/** A launcher under which io_uring is refused, as in most containers. */
function denyIoUring(): string {
  const program = join(temporaryFolder(), 'deny-io-uring');
  const source = join(root, 'test', 'process', 'deny-io-uring.c');
  const { status, stderr } = spawnSync(compiler ?? '', ['-O1', '-o', program, source]);
  expect(status, String(stderr)).toBe(0);
  return program;
}

describe.runIf(process.platform === 'linux' && compiler !== null)('where io_uring is refused', () => {
  it('the broker serves on epoll and says why', async () => {
    const program = [denyIoUring(), process.execPath, join(root, 'dist', 'src', 'main.js')];
    const broker = startBroker(temporaryFolder(), [], { program });
    await broker.port();
    expect(broker.output).toMatch(/i\/o +epoll \(io_uring is not possible here: .+\)\n/);
    expect((await broker.stop('SIGTERM')).code).toBe(0);
  });

  it('--io uring ends with one sentence', async () => {
    const program = [denyIoUring(), process.execPath, join(root, 'dist', 'src', 'main.js')];
    const ended = await startBroker(temporaryFolder(), ['--io', 'uring'], { program }).ended;
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/^perfbroker: --io uring is not possible here: .+; leave --io out.*\n$/);
  });
});

describe('an installed package on a machine without a C compiler', () => {
  /** What npm would put there, without the native part. */
  function installed(): string {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'native-bindings'));
    for (const name of ['setup.mjs', 'command.mjs', 'compile.mjs', 'layout.mjs', 'src']) {
      cpSync(join(root, 'native-bindings', name), join(folder, 'native-bindings', name), { recursive: true });
    }
    cpSync(join(root, 'dist', 'src'), join(folder, 'dist', 'src'), { recursive: true });
    cpSync(join(root, 'package.json'), join(folder, 'package.json'));
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    return folder;
  }

  it('serves on plain Node sockets and says what that costs, briefly the second time', async () => {
    const folder = installed();
    const program = [process.execPath, join(folder, 'native-bindings', 'command.mjs')];
    const environment = { PATH: '/nowhere', CC: '' };
    for (const isFirst of [true, false]) {
      const broker = startBroker(temporaryFolder(), [], { program, environment });
      await broker.port();
      const ended = await broker.stop('SIGTERM');
      expect(ended.stdout).toContain('plain Node sockets');
      expect(ended.stdout).toContain('without the native part every byte costs several times the processor time');
      expect(ended.stderr.includes('there is no C compiler')).toBe(isFirst);
      expect(ended.code).toBe(0);
    }
  });

  it.runIf(process.platform === 'linux' && compiler !== null)(
    'is compiled at the first start after there is one',
    async () => {
      const folder = installed();
      const build = join(folder, 'native-bindings', 'build');
      mkdirSync(build);
      writeFileSync(join(build, 'missing.txt'), 'there is no C compiler\n');
      writeFileSync(join(build, 'machine.txt'), `${process.platform}-${process.arch} \n`);
      const program = [process.execPath, join(folder, 'native-bindings', 'command.mjs')];
      const first = await new Spawned(['--version'], { program }).ended;
      expect(first.stderr).toContain('compiling the native part');
      const second = await new Spawned(['--version'], { program }).ended;
      expect(second).toMatchObject({ code: 0, stderr: '' });
    },
  );
});
