/**
 * Every setting of the broker: its own ones below, and the defaults it gives to topics, which are derived from the topic
 * table so that a bound or a default is written down once. Keys are Kafka's own; a key Kafka does not have begins with
 * `perfbroker.`. How the settings about listeners go together is in `listeners.ts`.
 */
import { addressOverrides } from './address-overrides.ts';
import { groupBrokerSettings } from './group-settings.ts';
import { saslBrokerSettings } from './sasl-settings.ts';
import {
  type AnySetting,
  boolean,
  double,
  int,
  list,
  long,
  type SettingTable,
  type SettingValue,
  short,
  string,
  type ValuesOf,
} from './settings.ts';
import { tlsBrokerSettings } from './tls-settings.ts';
import { type BrokerTwin, brokerTwins, isTopicKey, topicSettings } from './topic-settings.ts';

const flag = (name: string, alias: string | null, placeholder: string) => ({ name, alias, placeholder });
const listener = {
  test: /^[A-Za-z][A-Za-z0-9_.-]*:\/\/(\[[^\]]*\]|[^:[\]/]*):\d{1,5}$/,
  says: 'a listener such as PLAINTEXT://127.0.0.1:9092',
};

export const ownBrokerSettings = {
  // ── where it listens, what it is ──
  'host.name': string(null, 'Address to listen on; replaces the host of the first listener.', {
    flag: flag('host', null, 'ADDRESS'),
  }),
  port: int(null, 'Port to listen on, 0 for any free one; replaces the port of the first listener.', {
    min: 0,
    max: 65_535,
    flag: flag('port', 'p', 'PORT'),
  }),
  listeners: list(['PLAINTEXT://127.0.0.1:9092'], 'Where the broker listens: NAME://HOST:PORT, several of them.', {
    pattern: listener,
  }),
  'advertised.listeners': list(
    [],
    'Address told to the clients of each listener; where it is missing, the one they dialled.',
    { pattern: listener },
  ),
  'listener.security.protocol.map': list(
    ['PLAINTEXT:PLAINTEXT', 'SSL:SSL', 'SASL_PLAINTEXT:SASL_PLAINTEXT', 'SASL_SSL:SASL_SSL'],
    'How each listener is secured: NAME:PROTOCOL, with one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL.',
    { pattern: { test: /^[A-Za-z][A-Za-z0-9_.-]*:[A-Za-z_]+$/, says: 'NAME:PROTOCOL, such as INTERNAL:SSL' } },
  ),
  'controller.listener.names': list(
    [],
    "Listeners of Kafka's controllers, which are left aside; CONTROLLER always is.",
  ),
  'inter.broker.listener.name': string(null, 'Listener for other brokers; checked, and of no use on one node.'),
  'security.inter.broker.protocol': string(null, 'Protocol of the listener for other brokers; of no use on one node.', {
    choices: ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'],
  }),
  'perfbroker.advertise': string(null, 'Address told to clients of the first listener, in short: HOST:PORT.', {
    pattern: { test: /^(\[[^\]]+\]|[^:\s]+):\d{1,5}$/, says: 'HOST:PORT' },
    flag: flag('advertise', null, 'HOST:PORT'),
  }),
  'perfbroker.http.port': int(
    null,
    'Port of the HTTP side (/health, /ready, /metrics, /status), 0 for any free one; unset: there is none.',
    {
      min: 0,
      max: 65_535,
      flag: flag('http-port', null, 'PORT'),
    },
  ),
  'perfbroker.http.host': string(
    '127.0.0.1',
    'Address the HTTP side listens on; on another than the loopback address users and access rules hold there.',
    {
      flag: flag('http-host', null, 'ADDRESS'),
    },
  ),
  'perfbroker.metrics.detail': string(
    'partition',
    'Whether /metrics speaks of single partitions, or sums them up by topic.',
    {
      choices: ['partition', 'topic'],
      change: 'live',
    },
  ),
  'node.id': int(1, 'Number of this broker in its cluster.', { min: 0, aliases: ['broker.id'] }),
  'broker.rack': string(null, 'Name of the rack or zone the broker stands in, told to clients.'),
  'log.dirs': list(['./data'], 'The data folder; one folder.', {
    aliases: ['log.dir'],
    flag: flag('data', 'd', 'FOLDER'),
  }),

  // ── who may do what ──
  'authorizer.class.name': string(
    '',
    'Switches access rules on: acl, or the name of the class that Kafka has for it; empty: everybody may do everything.',
    {
      pattern: {
        test: /^(acl|org\.apache\.kafka\.metadata\.authorizer\.StandardAuthorizer)?$/,
        says: 'acl, org.apache.kafka.metadata.authorizer.StandardAuthorizer, or nothing',
      },
    },
  ),
  'super.users': string('', 'Principals that may do everything, with semicolons between them: User:alice;User:bob.', {
    pattern: {
      test: /^\s*([^:;\s][^:;]*:[^;]+(;|$)\s*)*$/,
      says: 'principals with semicolons between them, as User:alice;User:bob',
    },
  }),
  'allow.everyone.if.no.acl.found': boolean(false, 'Whether what no access rule speaks of is open to everybody.'),
  'perfbroker.audit.log': string(
    'all',
    'What access rules deny, and what administrators change, is told in the log: all, or off. Without access rules: nothing.',
    { choices: ['all', 'off'], change: 'live' },
  ),

  // ── how it works ──
  'perfbroker.fronts': int(1, 'Front threads, which serve the connections; each one more takes about 14 MB.', {
    min: 1,
    max: 64,
    unit: 'threads',
    flag: flag('fronts', null, 'N'),
  }),
  'perfbroker.workers': int(null, 'Partition worker threads; unset: the processor cores less the front threads.', {
    min: 1,
    max: 256,
    unit: 'threads',
    flag: flag('workers', 'w', 'N'),
  }),
  'perfbroker.io': string(null, 'How it talks to the kernel; unset: the best this machine allows.', {
    choices: ['uring', 'epoll', 'node'],
    flag: flag('io', null, 'uring|epoll|node'),
  }),
  'perfbroker.durability': string(
    'page-cache',
    'What an answered produce survives: the process (page-cache) or the power (fsync).',
    {
      choices: ['page-cache', 'fsync'],
      flag: flag('durability', null, 'page-cache|fsync'),
    },
  ),

  'perfbroker.disk.reserve.bytes': long(
    67_108_864,
    'Room kept free on the disk: below it producers are refused with a retriable error, offset commits are not; 0 keeps none.',
    { min: 0, unit: 'bytes', flag: flag('disk-reserve', null, 'BYTES') },
  ),

  // ── topics ──
  'num.partitions': int(1, 'Partitions of a topic that is created without saying how many.', {
    min: 1,
    max: 10_000,
    unit: 'partitions',
    flag: flag('partitions', 'n', 'N'),
  }),
  'default.replication.factor': int(
    1,
    'Replicas of a topic that is created without saying how many; never more than there are brokers.',
    { min: 1, max: 32_767, unit: 'replicas' },
  ),
  'auto.create.topics.enable': boolean(true, 'Create a topic when a client asks for one that does not exist.'),
  'delete.topic.enable': boolean(true, 'Allow topics to be deleted.'),
  'max.request.partition.size.limit': int(2000, 'Most partitions in one answer to DescribeTopicPartitions.', {
    min: 1,
    unit: 'partitions',
  }),

  // ── connections and memory ──
  'socket.request.max.bytes': int(104_857_600, 'Largest request taken; a longer one closes the connection.', {
    min: 1024,
    unit: 'bytes',
  }),
  'socket.send.buffer.bytes': int(
    131_072,
    'Send buffer of each connection; -1 leaves it to the kernel. Small ones keep fetched bytes in the cache: a fetch costs a quarter.',
    { min: -1, unit: 'bytes' },
  ),
  'socket.listen.backlog.size': int(1024, 'Connections the kernel may hold that were not accepted yet.', {
    min: 1,
    unit: 'connections',
  }),
  'max.connections': int(
    2_147_483_647,
    'Most connections at one time, of all or of one listener; further ones wait until one ends.',
    {
      change: 'live',
      min: 0,
      unit: 'connections',
    },
  ),
  'max.connections.per.ip': int(2_147_483_647, 'Most connections from one address at one time.', {
    change: 'live',
    min: 0,
    unit: 'connections',
  }),
  'max.connections.per.ip.overrides': string(
    '',
    'Other limits for single addresses: ADDRESS:COUNT, several with commas.',
    {
      change: 'live',
      pattern: addressOverrides,
    },
  ),
  'max.connection.creation.rate': int(
    2_147_483_647,
    'Most new connections a second, on average, of all or of one listener; further ones wait.',
    { change: 'live', min: 0, unit: 'connections/s' },
  ),
  'connections.max.idle.ms': long(600_000, 'Close a connection that was silent for this long; -1 for never.', {
    min: -1,
    unit: 'ms',
  }),
  'queued.max.request.bytes': long(
    -1,
    'Memory for requests that wait; -1 lets the broker choose from the memory of the machine.',
    {
      min: -1,
      unit: 'bytes',
    },
  ),
  'fetch.max.bytes': int(57_671_680, 'Most bytes one fetch is answered with.', { min: 1024, unit: 'bytes' }),
  'max.incremental.fetch.session.cache.slots': int(1000, 'Most fetch sessions kept at one time.', {
    min: 0,
    unit: 'sessions',
  }),

  // ── producers ──
  'producer.id.expiration.ms': int(
    86_400_000,
    'Forget what an idempotent producer wrote after this long without a batch.',
    {
      change: 'live',
      min: 1,
      unit: 'ms',
    },
  ),
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': int(
    10_000,
    'How often transactions that took too long are looked for, to abort them.',
    { min: 1, unit: 'ms' },
  ),
  'transactional.id.expiration.ms': int(
    604_800_000,
    'Forget a transactional id after this long without a transaction.',
    { min: 1, unit: 'ms' },
  ),
  'transaction.remove.expired.transaction.cleanup.interval.ms': int(
    3_600_000,
    'How often transactional ids to be forgotten are looked for.',
    { min: 1, unit: 'ms' },
  ),
  'transaction.max.timeout.ms': int(900_000, 'Longest timeout a transactional producer may ask for.', {
    min: 1,
    unit: 'ms',
  }),

  // ── topics of the broker's own ──
  'offsets.topic.num.partitions': int(50, 'Partitions of __consumer_offsets; counts only when it is created.', {
    min: 1,
    unit: 'partitions',
  }),
  'offsets.topic.segment.bytes': int(104_857_600, 'segment.bytes of __consumer_offsets.', { min: 1, unit: 'bytes' }),
  'offsets.topic.replication.factor': short(3, 'Replicas of __consumer_offsets; never more than there are brokers.', {
    min: 1,
    max: 32_767,
    unit: 'replicas',
  }),
  'perfbroker.group.consumer.rebalance.heartbeat.interval.ms': int(
    500,
    'How often members of a consumer group are told to call while it rebalances and shortly after, if that is more often.',
    { min: 1, unit: 'ms' },
  ),
  'offsets.retention.minutes': int(
    10_080,
    'Committed offsets are forgotten so long after the group has lost its last member.',
    { min: 1, unit: 'minutes' },
  ),
  'offsets.retention.check.interval.ms': long(600_000, 'How often committed offsets are looked at for that.', {
    min: 1,
    unit: 'ms',
  }),
  'offset.metadata.max.bytes': int(4096, 'Longest text that may be committed with an offset.', { unit: 'bytes' }),
  'transaction.state.log.num.partitions': int(
    50,
    'Partitions of __transaction_state; counts only when it is created.',
    {
      min: 1,
      unit: 'partitions',
    },
  ),
  'transaction.state.log.segment.bytes': int(104_857_600, 'segment.bytes of __transaction_state.', {
    min: 1,
    unit: 'bytes',
  }),
  'transaction.state.log.replication.factor': short(
    3,
    'Replicas of __transaction_state; never more than there are brokers.',
    { min: 1, max: 32_767, unit: 'replicas' },
  ),
  'transaction.state.log.min.isr': int(2, 'min.insync.replicas of __transaction_state; one node counts as one.', {
    min: 1,
    unit: 'replicas',
  }),
  'share.coordinator.state.topic.num.partitions': int(
    50,
    'Partitions of __share_group_state; counts only when it is created.',
    { min: 1, unit: 'partitions' },
  ),
  'share.coordinator.state.topic.segment.bytes': int(104_857_600, 'segment.bytes of __share_group_state.', {
    min: 1,
    unit: 'bytes',
  }),
  'share.coordinator.state.topic.replication.factor': short(
    3,
    'Replicas of __share_group_state; never more than there are brokers.',
    { min: 1, max: 32_767, unit: 'replicas' },
  ),
  'share.coordinator.state.topic.min.isr': short(
    2,
    'min.insync.replicas of __share_group_state; one node counts as one.',
    {
      min: 1,
      unit: 'replicas',
    },
  ),
  'share.coordinator.snapshot.update.records.per.snapshot': int(
    500,
    'Changes of a share partition that are written one by one before its whole state is written again.',
    { min: 0, max: 500, unit: 'records', change: 'live' },
  ),

  // ── housekeeping of the data folder ──
  'log.retention.check.interval.ms': long(300_000, 'How often segments are looked at for deletion.', {
    min: 1,
    unit: 'ms',
  }),
  'log.cleaner.enable': boolean(true, 'Compact topics whose cleanup.policy says so.'),
  'log.cleaner.threads': int(1, 'Logs compacted at one time.', {
    min: 1,
    max: 64,
    unit: 'threads',
    change: 'live',
  }),
  'log.cleaner.dedupe.buffer.size': long(134_217_728, 'Memory of a compaction for the keys it has seen.', {
    min: 1024,
    max: 4_294_967_296,
    unit: 'bytes',
    change: 'live',
  }),
  'log.cleaner.io.buffer.load.factor': double(0.9, 'Up to which part the memory for keys is filled.', {
    min: 0.1,
    max: 0.95,
    change: 'live',
  }),
  'log.cleaner.io.max.bytes.per.second': double(
    1.7976931348623157e308,
    'Most bytes a second that a compaction reads and writes.',
    { min: 1, unit: 'bytes', change: 'live' },
  ),
  'perfbroker.cleaner.cpu.share': double(0.25, 'Most of one processor core that a compaction takes.', {
    min: 0.01,
    max: 1,
    change: 'live',
  }),
  'perfbroker.scrub.interval.ms': long(
    604_800_000,
    'Within this time every segment that is not written to any more is read and checked in the background; 0: never.',
    { min: 0, unit: 'ms', change: 'live' },
  ),
  'perfbroker.scrub.bytes.per.second': long(8_388_608, 'Most bytes a second that the check in the background reads.', {
    min: 1,
    unit: 'bytes',
    change: 'live',
  }),
  'log.cleaner.backoff.ms': long(15_000, 'How often logs are looked at that may be worth compacting.', {
    min: 0,
    unit: 'ms',
    change: 'live',
  }),
  'perfbroker.flush.window.ms': int(
    1000,
    'Nothing written stays unflushed for longer, whatever topics ask for; 0: no bound.',
    {
      min: 0,
      unit: 'ms',
    },
  ),
  'perfbroker.write.back.bytes': int(
    262_144,
    'A log grows by so much before its write-back begins; 0: the system decides.',
    {
      min: 0,
      unit: 'bytes',
    },
  ),
  'perfbroker.follow.packets': boolean(
    false,
    'At light loads a front keeps to the processor where its packets come in; needs --io uring or epoll.',
  ),
  'log.flush.offset.checkpoint.interval.ms': int(60_000, 'How often recovery points are written down.', {
    min: 0,
    unit: 'ms',
  }),
  'num.recovery.threads.per.data.dir': int(2, 'Threads that check logs after an unclean stop.', {
    min: 1,
    max: 64,
    unit: 'threads',
  }),

  // ── quotas ──
  'quota.window.num': int(11, 'Windows over which the rates of clients are measured.', { min: 1, unit: 'windows' }),
  'quota.window.size.seconds': int(1, 'Length of such a window.', { min: 1, unit: 'seconds' }),
  'controller.quota.window.num': int(11, 'Windows of mutations that a client may use up at once.', {
    min: 1,
    unit: 'windows',
  }),
  'controller.quota.window.size.seconds': int(1, 'Length of such a window.', { min: 1, unit: 'seconds' }),

  // ── logins ──
  ...saslBrokerSettings,

  // ── TLS ──
  ...tlsBrokerSettings,

  // ── groups ──
  ...groupBrokerSettings,
} satisfies SettingTable;

export type OwnBrokerKey = keyof typeof ownBrokerSettings;
export type BrokerValues = ValuesOf<typeof ownBrokerSettings>;

/** Kafka takes these only at the start. */
const startOnly: ReadonlySet<string> = new Set(['log.flush.scheduler.interval.ms']);

function twinOf(setting: AnySetting, topicKey: string, twin: BrokerTwin, isLast: boolean): AnySetting {
  const { key: brokerKey, times } = twin;
  const isSameKey = brokerKey === topicKey;
  const scaled = typeof setting.default === 'number' ? setting.default / times : setting.default;
  const fallback: SettingValue = isLast ? scaled : null;
  return {
    ...setting,
    type: times === 1 ? setting.type : 'int',
    default: fallback,
    isOptional: fallback === null,
    min: setting.min < 0 ? setting.min : Math.ceil(setting.min / times),
    unit: times === 1 ? setting.unit : times === 60_000 ? 'minutes' : 'hours',
    scope: isSameKey ? 'both' : 'broker',
    change: times === 1 && !startOnly.has(brokerKey) ? 'live' : 'restart',
    doc: `Default of the topic setting ${topicKey}. ${setting.doc}`,
  };
}

function topicDefaults(): SettingTable {
  const table: { [key: string]: AnySetting } = {};
  for (const [topicKey, setting] of Object.entries(topicSettings)) {
    if (!isTopicKey(topicKey)) continue;
    const twins = brokerTwins[topicKey];
    for (const [index, twin] of twins.entries()) {
      table[twin.key] = twinOf(setting, topicKey, twin, index === twins.length - 1);
    }
  }
  return table;
}

/** Own settings first, then the topic defaults; each sorted as it is written above. */
export const brokerSettings: SettingTable = { ...ownBrokerSettings, ...topicDefaults() };

const keyOfAlias = new Map<string, string>();
for (const [key, setting] of Object.entries(brokerSettings)) {
  for (const alias of setting.aliases) keyOfAlias.set(alias, key);
}

/** The key a name stands for, or null when there is no such setting. */
export function brokerKeyOf(name: string): string | null {
  if (Object.hasOwn(brokerSettings, name)) return name;
  return keyOfAlias.get(name) ?? null;
}
