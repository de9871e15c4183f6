/**
 * The broker shut in, as the Dockerfile and the systemd unit do it: another user without rights, every file system read-only
 * (`/tmp` too), one writable folder. Needs root, to build such a place; where that is not so these are skipped, by name.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Admin } from '../../src/client/admin.ts';
import { ClusterView } from '../../src/client/metadata.ts';
import { Producer } from '../../src/client/producer.ts';
import { mainFile, Spawned, startBroker, temporaryFolder } from './spawned.ts';

const NOBODY = 65_534;
const canShutIn =
  process.getuid?.() === 0 &&
  existsSync('/usr/bin/setpriv') &&
  spawnSync('unshare', ['-m', 'mount', '--make-rprivate', '/']).status === 0;

/** $1 is the writable folder; what follows is run there without rights. */
const SHUT_IN = `
mount --make-rprivate /
mount -t tmpfs -o size=256m,mode=0700,uid=${NOBODY},gid=${NOBODY} tmpfs "$1"
cut -d ' ' -f 5 /proc/self/mountinfo | while read -r place; do
  [ "$place" = "$1" ] || mount -o remount,bind,ro "$place" 2>/dev/null || :
done
touch /tmp/perfbroker-can-write /perfbroker-can-write 2>/dev/null && exit 99
cd / && shift
exec setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
`;

function shutIn(folder: string, args: readonly string[]): Spawned {
  const program = ['unshare', '-m', 'sh', '-c', SHUT_IN, 'sh', folder, process.execPath, mainFile];
  return new Spawned(['--port', '0', '--data', folder, ...args], {
    program,
    environment: { HOME: '/nowhere', TMPDIR: '/nowhere' },
  });
}

describe.runIf(canShutIn)('shut in: no rights, one writable folder', () => {
  for (const io of ['', 'node']) {
    it(`serves and stops well (${io === '' ? 'best path' : `--io ${io}`})`, async () => {
      const broker = shutIn(temporaryFolder(), ['--http-port', '0', ...(io === '' ? [] : ['--io', io])]);
      const cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port: await broker.port() }] });
      const configs = { 'segment.bytes': '1048576', 'compression.type': 'zstd', 'cleanup.policy': 'compact' };
      await new Admin(cluster).createTopic({ name: 'topic', partitions: 4, replicationFactor: 1, configs });
      const producer = new Producer(cluster);
      for (let count = 0; count < 20; count++) {
        const record = { key: Buffer.from('k'), value: Buffer.alloc(300_000, count), timestamp: Date.now() };
        await producer.send('topic', count % 4, [record]);
      }
      await cluster.close();
      const ended = await broker.stop('SIGTERM');
      expect([ended.code, ended.stderr]).toEqual([0, '']);
    });
  }
});

describe('perfbroker health', () => {
  const health = (...args: string[]) => new Spawned(['health', ...args]).ended;

  it('says by its exit code whether a broker serves, over its HTTP side or as a client', async () => {
    const broker = startBroker(temporaryFolder(), ['--http-port', '0']);
    const port = await broker.port();
    const http = /http +(http:\/\/\S+?) /.exec(broker.output)?.[1] ?? '';
    expect(await health('--url', `${http}/ready`)).toMatchObject({
      code: 0,
      stdout: '{"status":"ready"}\n',
      stderr: '',
    });
    expect(await health('-b', `127.0.0.1:${port}`)).toMatchObject({ code: 0, stdout: 'the broker answers\n' });
    const lost = await health('--url', `${http}/nowhere`);
    expect(lost).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('answers 404') });
    await broker.stop('SIGTERM');
    for (const where of [
      ['--url', `${http}/ready`],
      ['-b', `127.0.0.1:${port}`],
    ]) {
      const ended = await health(...where);
      expect([ended.code, ended.stderr.trimEnd().split('\n').length]).toEqual([1, 1]);
    }
  });
});
