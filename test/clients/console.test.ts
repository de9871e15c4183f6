/** Our console commands against the built broker: what a person types, and what he sees. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunOptions, run } from '../cli/command-rig.ts';
import { BrokerProcess, projectRoot } from './broker-process.ts';

/** A command has so many times the work of a Node that begins and ends: 250 ms where that takes 78. */
const NODES_MAX = 3.2;

let broker: BrokerProcess;
let folder = '';

beforeAll(async () => {
  broker = await BrokerProcess.start();
  folder = mkdtempSync(join(tmpdir(), 'perfbroker-console-'));
});

afterAll(async () => {
  await broker.dispose();
  rmSync(folder, { recursive: true, force: true });
});

/** Words without spaces in them, as on a command line. */
async function type(line: string, options: RunOptions = {}): Promise<string> {
  const environment = { PERFBROKER_BOOTSTRAP_SERVER: broker.address };
  const { exitCode, output, warnings } = await run(line.split(' '), { environment, ...options });
  expect(exitCode, `${line}: ${warnings}`).toBe(0);
  return output;
}

async function refused(line: string, options: RunOptions = {}): Promise<string> {
  const environment = { PERFBROKER_BOOTSTRAP_SERVER: broker.address };
  const { exitCode, warnings } = await run(line.split(' '), { environment, ...options });
  expect(exitCode).toBe(1);
  return warnings;
}

interface ListedTopic {
  readonly name: string;
  readonly partitions: number;
}

describe('topics', () => {
  it('are created, listed, described, altered and deleted', async () => {
    await type('topic create one two --partitions 3 --replication-factor 1 --config retention.ms=1000');
    const listed: ListedTopic[] = JSON.parse(await type('topic list --json'));
    expect(listed.find(({ name }) => name === 'one')?.partitions).toBe(3);
    expect(await type('topic describe one')).toContain('retention.ms=1000');
    await type('topic alter one --partitions 4 --config retention.ms=2000');
    const [described] = JSON.parse(await type('topic describe one --json'));
    expect(described.partitions).toHaveLength(4);
    expect(described.configs).toEqual({ 'retention.ms': '2000' });
    expect(await refused('topic alter one --partitions 2 --config retention.ms=3000')).toContain('INVALID_PARTITIONS');
    expect(await type('topic describe one')).toContain('retention.ms=2000');
    expect(await refused('topic create odd --partitions 3000000000')).toContain('--partitions 3000000000 is too large');
    await type('topic create one --if-not-exists');
    expect(await refused('topic create one')).toContain('TOPIC_ALREADY_EXISTS');
    expect(await refused('topic create odd/name')).toContain('INVALID_TOPIC_EXCEPTION');
    await type('topic delete --topic one,two');
    await type('topic delete one --if-exists');
    expect(await refused('topic delete one')).toContain('UNKNOWN_TOPIC_OR_PARTITION');
    expect(await type('topic list --names')).not.toContain('one');
  });
});

describe('records', () => {
  it('go in as lines and come out as they were asked for', async () => {
    await type('topic create lines');
    await type('produce lines --key-separator : --header source=test --codec zstd', { input: 'a:1\nb:2\r\nc:3' });
    expect(await type('consume lines --from-beginning --until-end')).toBe('1\n2\n3\n');
    const format = '%t/%p/%o\\t%k=%v\\t%h';
    expect(await type(`consume lines --offset 1 -n 1 --format ${format}`)).toBe('lines/0/1\tb=2\tsource:test\n');
    const rows = (await type('consume lines --offset -2 --until-end --json')).trim().split('\n');
    expect(rows.map((row) => JSON.parse(row).value)).toEqual(['2', '3']);
    const columns = await type(
      'consume lines --from-beginning -n 1 --property print.key=true --property print.offset=true',
    );
    expect(columns).toBe('Offset:0\ta\t1\n');
    expect(await type('consume lines --time 1h --until-end')).toBe('1\n2\n3\n');
    expect(await type('consume --include li.*s --from-beginning --until-end')).toBe('1\n2\n3\n');
  });

  it('may be JSON on the way in and on the way out', async () => {
    await type('topic create json --partitions 2');
    const input =
      '{"key":"k","value":{"deep":[1]},"partition":1,"headers":{"h":"x"},"timestamp":1000}\n{"value":null}\n';
    await type('produce json --json --null-marker NULL', { input });
    const row = JSON.parse(await type('consume json --partition 1 --from-beginning -n 1 --json'));
    expect(row).toMatchObject({
      partition: 1,
      key: 'k',
      value: '{"deep":[1]}',
      timestamp: 1000,
      headers: [{ key: 'h', value: 'x' }],
    });
  });

  it('are refused with the number of the line that is wrong', async () => {
    expect(await refused('produce lines --key-separator :', { input: 'x:1\nno key\n' })).toContain('line 2 has no key');
    expect(await refused('produce lines --json', { input: '{' })).toContain('line 1 is no JSON record');
    expect(await refused('consume lines --partition 7 --from-beginning')).toContain('has no partition 7');
    expect(await refused('consume lines --offset x')).toContain('--offset x is none');
    expect(await refused('consume lines --format %x')).toContain('--format knows no %x');
    expect(await refused('consume --from-beginning')).toContain('name a topic');
  });
});

describe('groups', () => {
  it('read on where Ctrl-C left them, are shown with their lag, moved and deleted', async () => {
    await type('topic create work');
    await type('produce work', { input: '1\n2\n3\n' });
    let interrupt = (): void => {};
    const first = await type('consume work --group team --from-beginning', {
      onReady: (stop) => {
        interrupt = stop;
      },
      onOutput: (text) => {
        if (text.endsWith('3\n')) interrupt();
      },
    });
    expect(first).toBe('1\n2\n3\n');
    await type('produce work', { input: '4\n' });
    const [described] = JSON.parse(await type('group describe team --json'));
    expect(described.offsets).toMatchObject([{ topic: 'work', partition: 0, offset: 3, endOffset: 4, lag: 1 }]);
    expect(await type('group describe team')).toMatch(/work +0 +3 +4 +1/);
    expect(await type('group list --state Empty')).toContain('team');
    expect(await type('consume work --group team -n 1')).toBe('4\n');
    expect(JSON.parse(await type('group reset team --shift-by -2 --json'))).toMatchObject([{ from: 4, to: 2 }]);
    await type('group reset team --shift-by -2 --execute');
    expect(await type('consume work --group team -n 2')).toBe('3\n4\n');
    const plan = join(folder, 'offsets.csv');
    writeFileSync(plan, 'work,0,1\n');
    await type(`group reset team --from-file ${plan} --execute`);
    expect(await type('consume work --group team -n 3')).toBe('2\n3\n4\n');
    await type('group reset team --to-offset 0 --execute');
    expect(await type('consume work --group team -n 1')).toBe('1\n');
    expect(await type('group describe team')).toMatch(/work +0 +1 +4 +3/);
    expect(await refused('consume work --group team --until-end')).toContain('--until-end does not go with --group');
    await type('group delete team');
    expect(await refused('group delete team')).toContain('GROUP_ID_NOT_FOUND');
    expect(await refused('group reset team')).toContain('say where to');
  });
});

describe('settings', () => {
  it('are shown and changed', async () => {
    await type('topic create tuned');
    await type('config set --topic tuned retention.ms=5000 max.message.bytes=2000');
    expect(await type('config get --topic tuned')).toMatch(/retention.ms +5000 +topic/);
    await type('config set --topic tuned --delete retention.ms --append cleanup.policy=compact');
    const rows: { name: string; value: string }[] = JSON.parse(await type('config get --topic tuned --json'));
    expect(rows).toMatchObject([
      { name: 'cleanup.policy', value: 'delete,compact' },
      { name: 'max.message.bytes', value: '2000' },
    ]);
    expect(await refused('config set --topic tuned retention.ms=-5')).toContain('retention.ms');
    expect(await refused('config get')).toContain('Usage: perfbroker config get');
    expect(await refused('config get retention.ms')).toContain('say whose settings');
  });
});

describe('a command', () => {
  it('says where it looked when nobody is there', async () => {
    const environment = { PERFBROKER_BOOTSTRAP_SERVER: '127.0.0.1:1' };
    const { exitCode, warnings } = await run(['topic', 'list'], { environment });
    expect(exitCode).toBe(1);
    expect(warnings).toContain('127.0.0.1:1');
  });

  it('shows how it is used when it is given nothing', async () => {
    for (const line of [
      'topic create',
      'produce',
      'consume',
      'group describe',
      'config set',
      'perf produce',
      'log dump',
      'topic',
    ]) {
      expect(await refused(line), line).toMatch(/Usage: perfbroker|perfbroker topic/);
    }
  });

  it('says what is wrong with an address for health', async () => {
    expect(await refused('health --url http://')).toContain("'http://' is no address of a page");
    expect(await refused('health -b localhost:99999')).toContain("'localhost:99999' is not host:port");
    expect(await type(`health -b ${broker.address}`)).toBe('the broker answers\n');
  });

  it('is there in a blink and prints no colour into a pipe', () => {
    const environment = { ...process.env, PERFBROKER_BOOTSTRAP_SERVER: broker.address };
    const tellsCpu =
      'process.on("exit",()=>{const{user,system}=process.cpuUsage();process.stderr.write(String(user+system))})';
    const main = join(projectRoot, 'dist', 'src', 'main.js');
    const cpuMsOf = (words: readonly string[]): number => {
      const ran = spawnSync(process.execPath, ['--import', `data:text/javascript,${tellsCpu}`, ...words], {
        env: environment,
      });
      expect(ran.status).toBe(0);
      expect(ran.stdout.includes('\u001b')).toBe(false);
      return Number(ran.stderr.toString()) / 1000;
    };
    let cpuMs = Number.POSITIVE_INFINITY;
    let emptyMs = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 20 && !(cpuMs < NODES_MAX * emptyMs); round++) {
      cpuMs = Math.min(cpuMs, cpuMsOf([main, 'topic', 'list']));
      emptyMs = Math.min(emptyMs, cpuMsOf(['-e', '0']));
    }
    // Its work, with the answer from the broker: the clock on the wall also counts the tests that run beside.
    expect(cpuMs).toBeLessThan(NODES_MAX * emptyMs);
    expect(emptyMs).toBeGreaterThan(10);
  });

  it('measures speed', async () => {
    await type('topic create speed');
    const produced = JSON.parse(await type('perf produce --topic speed -n 5000 -s 100 --json'));
    expect(produced).toMatchObject({ records: 5000, bytes: 500_000 });
    expect(produced.latencyMs.p99).toBeGreaterThan(0);
    expect(JSON.parse(await type('perf consume --topic speed -n 5000 --json'))).toMatchObject({ records: 5000 });
  });
});
