/** What a person reads when the broker has started: one screen, from facts alone. Printed by `main.ts`. */
import { type Address, joinHostPort } from '../config/addresses.ts';

export interface ListenerShown {
  readonly name: string;
  readonly protocol: string;
  readonly address: Address;
  /** Null: each client is told the address it dialled. */
  readonly advertised: Address | null;
}

export interface StartFacts {
  readonly version: string;
  readonly listeners: readonly ListenerShown[];
  /** Null: there is no HTTP side. */
  readonly http: Address | null;
  readonly dataFolder: string;
  readonly ioPath: 'uring' | 'epoll' | 'node';
  /** Why this path and no better one; empty when it is the best there is. */
  readonly ioReason: string;
  readonly fronts: number;
  /** Beside them, for listeners with TLS. */
  readonly tlsFronts: number;
  readonly workers: number;
  readonly durability: 'page-cache' | 'fsync';
  /** 0: without a bound. */
  readonly flushWindowMs: number;
  readonly topics: number;
  readonly partitions: number;
  readonly newTopicPartitions: number;
  /** Process start to the first accepted connection. */
  readonly startedInMs: number;
  /** Access rules are in force. */
  readonly hasRules: boolean;
  /** Sentences that must not be missed. */
  readonly warnings: readonly string[];
  /** Sentences that deserve to be seen. */
  readonly notices: readonly string[];
}

const PLAIN = 'PLAINTEXT';
const ioNames = { uring: 'io_uring', epoll: 'epoll', node: 'plain Node sockets' } as const;

export function renderStartScreen(facts: StartFacts, isColoured: boolean): string {
  const paint = isColoured ? coloured : plain;
  const { listeners } = facts;
  const tried = listeners.find(({ protocol }) => protocol === PLAIN) ?? listeners[0];
  const dialled = tried === undefined ? 'HOST:PORT' : joinHostPort(tried.advertised ?? dialable(tried.address));
  const rows: readonly (readonly [string, string])[] = [
    ...listenerRows(listeners, paint),
    ...(facts.http === null
      ? []
      : [['http', `http://${joinHostPort(facts.http)} (/health, /ready, /metrics, /status)`] as const]),
    [
      'data folder',
      `${facts.dataFolder} (${counted(facts.topics, 'topic')}, ${counted(facts.partitions, 'partition')})`,
    ],
    ['i/o', ioNames[facts.ioPath] + (facts.ioReason === '' ? '' : ` (${facts.ioReason})`)],
    ['threads', threadsText(facts)],
    ['durability', durabilityText(facts)],
    ['access', facts.hasRules ? 'as the access rules say (perfbroker acl list)' : 'every client may do everything'],
    ['new topics', `get ${counted(facts.newTopicPartitions, 'partition')}`],
  ];
  return [
    `${paint.strong(`perfbroker ${facts.version}`)} ${paint.quiet(`ready in ${Math.round(facts.startedInMs)} ms`)}`,
    '',
    ...rows.map(([name, text]) => `  ${paint.quiet(name.padEnd(16))}${text}`),
    ...(facts.warnings.length === 0
      ? []
      : ['', ...facts.warnings.map((warning) => `  ${paint.alarm('warning')} ${warning}`)]),
    ...(facts.notices.length === 0
      ? []
      : ['', ...facts.notices.map((notice) => `  ${paint.warning('note')} ${notice}`)]),
    '',
    `  ${paint.quiet('try it, in two terminals:')}`,
    `    kcat -b ${dialled} -t hello -P`,
    `    kcat -b ${dialled} -t hello -C`,
    `  ${paint.quiet('or with the tools of Kafka:')}`,
    `    kafka-console-producer.sh --bootstrap-server ${dialled} --topic hello`,
    '',
  ].join('\n');
}

/** One plain listener needs no name. */
function listenerRows(listeners: readonly ListenerShown[], paint: Paint): [string, string][] {
  const [first] = listeners;
  const isPlain = listeners.length === 1 && first?.name === PLAIN && first.protocol === PLAIN;
  const rows: [string, string][] = [];
  for (const { name, protocol, address, advertised } of listeners) {
    const place = joinHostPort(address);
    const kind = name === protocol ? '' : ` (${protocol})`;
    rows.push(['listening on', isPlain ? paint.strong(place) : `${paint.strong(`${name}://${place}`)}${kind}`]);
    if (advertised !== null) rows.push(['told to clients', joinHostPort(advertised)]);
  }
  return rows;
}

function threadsText({ fronts, tlsFronts, workers }: StartFacts): string {
  const secured = tlsFronts === 0 ? '' : `${counted(tlsFronts, 'front')} for TLS, `;
  return `${counted(fronts, 'front')}, ${secured}${counted(workers, 'worker')}`;
}

function durabilityText({ durability, flushWindowMs }: StartFacts): string {
  if (durability === 'fsync') return 'fsync (an answered produce survives a power cut)';
  const loss = flushWindowMs === 0 ? 'no bound is kept' : `what is older than ${flushWindowMs} ms is flushed`;
  return `page cache (an answered produce survives a crash of the process; for a power cut ${loss})`;
}

/** An address that means "all of them" is dialled as this very machine. */
function dialable(listen: Address): Address {
  const isAny = listen.host === '0.0.0.0' || listen.host === '::';
  return isAny ? { host: 'localhost', port: listen.port } : listen;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

interface Paint {
  readonly strong: (text: string) => string;
  readonly quiet: (text: string) => string;
  readonly warning: (text: string) => string;
  readonly alarm: (text: string) => string;
}

const plain: Paint = { strong: (text) => text, quiet: (text) => text, warning: (text) => text, alarm: (text) => text };

const painted = (code: number) => (text: string) => `\u001b[${code}m${text}\u001b[0m`;
const coloured: Paint = { strong: painted(1), quiet: painted(2), warning: painted(33), alarm: painted(31) };
