/**
 * `npm run bench:groups`: what groups cost. Three parts: commits of many groups beside a steady load of Produce, a
 * rebalance of one large group, and a start with many committed offsets. Each prints a table, and nothing it measured is
 * thrown away.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '../src/client/connection.ts';
import { offsetFetch } from '../src/protocol/schemas/09-offset-fetch.ts';
import { BrokerProcess, freePort } from '../test/clients/broker-process.ts';
import { CommitLoad, type CommitPlan, connectGroups } from './groups/commit-load.ts';
import { Member } from './groups/member.ts';
import { BenchServer } from './load/bench-server.ts';
import { writeProduceFrames } from './load/frames.ts';
import { runLoad } from './load/generator.ts';
import { parseArgs } from './load/options.ts';
import { cpuSecondsOf, memoryOf } from './load/process-figures.ts';
import { checkoutFolder } from './load/programs.ts';
import { bytesOf, megabytes, milliseconds } from './load/sizes.ts';
import { type BenchRow, concludeBench, rowOf } from './report/bench-report.ts';
import { percentilesOf } from './report/percentiles.ts';

const usage = `npm run bench:groups -- [options]
  --only NAME           commits, rebalance or restart; left out: all of them
  --groups N            1000           --members N          3
  --rate N              20000 commits a second over all groups
  --produce SIZE        50MB a second beside them, 0 for none
  --seconds N           10             --warm-seconds N     3
  --large N             100 members of the group that rebalances, over 64 partitions
  --offsets N           100000 committed offsets to start with
  --out FOLDER          bench-results
`;

interface Settings {
  readonly only: string | null;
  readonly groups: number;
  readonly members: number;
  readonly rate: number;
  readonly produceBytes: number;
  readonly seconds: number;
  readonly warmSeconds: number;
  readonly large: number;
  readonly offsets: number;
  readonly out: string;
}

const PARTITIONS = 64;
const BATCH_BYTES = 64 * 1024;
const SESSION_MS = 45_000;
const REBALANCE_MS = 60_000;
const HEARTBEAT_MS = 3000;
const OFFSETS_PER_GROUP = 100;

function readSettings(): Settings | null {
  const text = (otherwise: string) => ({ type: 'string', default: otherwise }) as const;
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean', short: 'h' },
      only: { type: 'string' },
      groups: text('1000'),
      members: text('3'),
      rate: text('20000'),
      produce: text('50MB'),
      seconds: text('10'),
      'warm-seconds': text('3'),
      large: text('100'),
      offsets: text('100000'),
      out: text(join(checkoutFolder, 'bench-results')),
    },
  });
  if (values.help === true) return null;
  return {
    only: values.only ?? null,
    groups: Number(values.groups),
    members: Number(values.members),
    rate: Number(values.rate),
    produceBytes: values.produce === '0' ? 0 : bytesOf(values.produce),
    seconds: Number(values.seconds),
    warmSeconds: Number(values['warm-seconds']),
    large: Number(values.large),
    offsets: Number(values.offsets),
    out: values.out,
  };
}

async function benchCommits(settings: Settings, server: BenchServer, folder: string): Promise<BenchRow> {
  const topic = await server.makeTopic('groups', PARTITIONS);
  const plan: CommitPlan = {
    host: server.host,
    port: server.port,
    topic,
    sessionTimeoutMs: SESSION_MS,
    rebalanceTimeoutMs: REBALANCE_MS,
    groups: settings.groups,
    membersPerGroup: settings.members,
    commitsPerSecond: settings.rate,
    warmSeconds: settings.warmSeconds,
    seconds: settings.seconds,
    heartbeatMs: HEARTBEAT_MS,
  };
  const beginMs = performance.now();
  const members = await connectGroups(plan);
  say(
    `groups      ${settings.groups} × ${settings.members} members are in after ${seconds(performance.now() - beginMs)}`,
  );
  const beside = await prepareProduce(settings, server, folder);
  say(`memory      ${megabytes(server.residentBytes())} resident before the load`);
  const produced = beside?.() ?? null;
  const cpuBefore = cpuSecondsOf(server.pid);
  const result = await new CommitLoad(plan, members).run();
  const cpuSeconds = cpuSecondsOf(server.pid) - cpuBefore;
  const bytesPerSecond = await produced;
  const { p50Us, p99Us, p999Us, maxUs } = percentilesOf(result.histogram);
  say(
    `commits     ${(result.commits / result.seconds).toFixed(0)}/s  errors ${result.errors} (first ${result.firstError})`,
  );
  say(
    `latency     p50 ${milliseconds(p50Us)}  p99 ${milliseconds(p99Us)}  p99.9 ${milliseconds(p999Us)}  max ${milliseconds(maxUs)}`,
  );
  if (bytesPerSecond !== null) say(`produce     ${megabytes(bytesPerSecond)}/s beside it`);
  say(`evicted     ${result.evictions} members`);
  const { residentBytes, anonymousBytes } = memoryOf(server.pid);
  say(`memory      ${megabytes(residentBytes)} resident, ${megabytes(anonymousBytes)} of it its own`);
  say(`CPU         ${(cpuSeconds / (settings.seconds + settings.warmSeconds)).toFixed(2)} cores of the broker`);
  for (const member of members) member.close();
  await server.dropTopic(topic);
  // CPU was taken over the warming as well; commits have no bytes to speak of.
  const measured = (cpuSeconds * settings.seconds) / (settings.seconds + settings.warmSeconds);
  const rest = { requests: result.commits, bytes: 0, unsent: 0, unanswered: 0, loadCpuSeconds: 0 };
  return rowOf('commits', `${settings.rate}/s`, 'perfbroker', settings.rate, {
    ...result,
    ...rest,
    cpuSeconds: measured,
  });
}

/** What the load needs is made first, because making it holds up everything else in this process. */
async function prepareProduce(
  settings: Settings,
  server: BenchServer,
  folder: string,
): Promise<(() => Promise<number>) | null> {
  if (settings.produceBytes === 0) return null;
  const topic = await server.makeTopic('beside', PARTITIONS);
  await server.touchTopic(topic, PARTITIONS);
  const frames = writeProduceFrames(join(folder, 'frames'), {
    topic,
    partitions: PARTITIONS,
    batchBytes: BATCH_BYTES,
    recordBytes: 1024,
    acks: -1,
    codec: 0,
  });
  return async () => {
    const result = await runLoad({
      host: server.host,
      port: server.port,
      framesFile: frames.file,
      mode: 'produce',
      connections: 4,
      inFlight: 1000,
      requestsPerSecond: settings.produceBytes / frames.batchBytes,
      warmSeconds: settings.warmSeconds,
      seconds: settings.seconds,
      acks: -1,
      pid: server.pid,
    });
    await server.dropTopic(topic);
    return (result.requests * frames.batchBytes) / result.seconds;
  };
}

/** From the last member's JoinGroup to the moment when everybody has an assignment. */
async function benchRebalance(settings: Settings, server: BenchServer): Promise<void> {
  const topic = await server.makeTopic('large', PARTITIONS);
  const plan = {
    host: server.host,
    port: server.port,
    topic,
    groupId: 'bench-large',
    sessionTimeoutMs: SESSION_MS,
    rebalanceTimeoutMs: REBALANCE_MS,
  };
  const members = await Promise.all(Array.from({ length: settings.large }, () => Member.connect(plan)));
  const last = members.pop();
  if (last === undefined) return;
  await Promise.all(members.map((member) => stable(member)));
  const beginMs = performance.now();
  await Promise.all([...members.map((member) => rejoin(member)), last.settle()]);
  say(
    `rebalance   ${settings.large} members over ${PARTITIONS} partitions: ${seconds(performance.now() - beginMs)} from the last join`,
  );
  for (const member of [...members, last]) member.close();
  await server.dropTopic(topic);
}

async function stable(member: Member): Promise<void> {
  await member.settle();
  for (let quiet = 0; quiet < 5; quiet++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    if ((await member.beat()) === 0) continue;
    await member.settle();
    quiet = 0;
  }
}

/** As a client does: the next heartbeat tells that the group rebalances. */
async function rejoin(member: Member): Promise<void> {
  while ((await member.beat()) === 0) await new Promise((resolve) => setTimeout(resolve, 100));
  await member.settle();
}

async function benchRestart(settings: Settings, folder: string): Promise<void> {
  const port = await freePort();
  const dataFolder = join(folder, 'restart');
  const before = await BrokerProcess.start({ dataFolder, port });
  const groups = Math.ceil(settings.offsets / OFFSETS_PER_GROUP);
  const server = await BenchServer.start({ broker: before.address, pid: before.pid, brokerArguments: [] });
  const topic = await server.makeTopic('offsets', OFFSETS_PER_GROUP);
  for (let index = 0; index < groups; index++) {
    const member = await Member.connect({
      host: '127.0.0.1',
      port,
      topic,
      groupId: `restart-${index}`,
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: REBALANCE_MS,
    });
    const code = await member.commit(0, index, OFFSETS_PER_GROUP);
    if (code !== 0) throw new Error(`a commit was answered ${code}`);
    member.close();
  }
  await server.cluster.close();
  await before.kill();
  const after = await BrokerProcess.start({ dataFolder, port });
  const startedMs = performance.now();
  const found = await fetchAll(port, groups);
  const servedMs = performance.now() - startedMs;
  say(
    `restart     ${found} offsets of ${groups} groups: all told ${seconds(servedMs)} after the broker was up ` +
      `(${seconds(after.startedAfterMs)} from its spawn)`,
  );
  await after.stop();
}

/** All groups in requests of 100; those of a shard that still loads are asked for again. */
async function fetchAll(port: number, groups: number): Promise<number> {
  const connection = await Connection.open({ host: '127.0.0.1', port });
  let found = 0;
  let wanted = Array.from({ length: groups }, (_, index) => `restart-${index}`);
  while (wanted.length > 0) {
    const asked = wanted.splice(0, 100);
    const answer = await connection.request(offsetFetch, {
      groupId: '',
      topics: [],
      groups: asked.map((groupId) => ({ groupId, topics: null })),
    });
    for (const group of answer.groups) {
      if (group.errorCode !== 0) wanted = [...wanted, group.groupId];
      for (const { partitions } of group.topics) found += partitions.length;
    }
  }
  connection.close();
  return found;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(): Promise<number> {
  const settings = readSettings();
  if (settings === null) {
    process.stdout.write(usage);
    return 0;
  }
  const rows: BenchRow[] = [];
  const isWanted = (name: string): boolean => settings.only === null || settings.only === name;
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-groups-'));
  try {
    if (isWanted('commits') || isWanted('rebalance')) {
      const server = await BenchServer.start({ broker: null, pid: 0, brokerArguments: [] });
      if (isWanted('commits')) rows.push(await benchCommits(settings, server, folder));
      if (isWanted('rebalance')) await benchRebalance(settings, server);
      await server.stop();
    }
    if (isWanted('restart')) await benchRestart(settings, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (rows.length === 0) return 0;
  const { groups, members, produceBytes } = settings;
  const subtitle = `${groups} groups of ${members}, beside ${megabytes(produceBytes)}/s of produce; latency from the intended send time`;
  return concludeBench(settings.out, { name: 'groups', title: 'perfbroker: commits', subtitle, settings, rows });
}

process.exitCode = await main();
