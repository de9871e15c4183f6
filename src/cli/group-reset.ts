/**
 * `perfbroker group reset`: moves where a group without active members goes on reading. Shows what it would do; with
 * --execute it does it. The ways are those of Apache Kafka's tool.
 */
import { readFileSync } from 'node:fs';
import { Fault } from '../base/fault.ts';
import type { Admin } from '../client/admin.ts';
import { demand, type OffsetTime } from '../client/client.ts';
import { brokerOptions, defineCommand, jsonOption } from './command.ts';
import { groupIdsOf } from './group-commands.ts';
import { durationOf, timeOf } from './moments.ts';
import { withAdmin } from './open-client.ts';
import { show } from './text-table.ts';

interface Place {
  readonly topic: string;
  readonly partition: number;
}

interface Move extends Place {
  readonly from: number | null;
  readonly to: number;
}

const waysOptions = {
  'to-earliest': { kind: 'flag', doc: 'To the oldest record.' },
  'to-latest': { kind: 'flag', doc: 'Behind the newest record.' },
  'to-current': { kind: 'flag', doc: 'Where it is; commits it anew.' },
  'to-offset': { kind: 'number', min: 0, placeholder: 'N', doc: 'To this offset.' },
  'to-datetime': {
    kind: 'text',
    names: ['to-time'],
    placeholder: 'TIME',
    doc: 'To the first record at or after this moment.',
  },
  'by-duration': { kind: 'text', placeholder: 'PT1H', doc: 'To the first record of the last so long.' },
  'shift-by': { kind: 'number', placeholder: 'N', doc: 'Forward by so many records, or back with a minus.' },
  'from-file': {
    kind: 'text',
    placeholder: 'FILE',
    doc: 'To what a file says: a line topic,partition,offset for each partition.',
  },
} as const;

export const groupReset = defineCommand({
  words: 'group reset',
  needsArguments: true,
  summary: 'Move the offsets of a group without members.',
  positional: { name: 'GROUP', doc: 'The group; --group does the same.', isRequired: false, isMany: true },
  options: {
    ...brokerOptions,
    ...jsonOption,
    group: { kind: 'list', alias: 'g', placeholder: 'GROUP', doc: 'The group.' },
    topic: {
      kind: 'list',
      alias: 't',
      placeholder: 'TOPIC[:N,N]',
      doc: 'These partitions; without it all that the group has committed.',
    },
    'all-topics': { kind: 'flag', doc: 'All that the group has committed.' },
    ...waysOptions,
    execute: { kind: 'flag', doc: 'Do it; without this only what would be done is shown.' },
    'dry-run': { kind: 'flag', doc: 'Only show what would be done.' },
  },
  examples: ['group reset billing --to-earliest --execute', 'group reset billing --topic orders:0,1 --shift-by -10'],
  run: ({ options, positionals, terminal }) =>
    withAdmin(options, terminal, async (admin) => {
      const chosen = Object.keys(waysOptions).filter((name) => isGiven(options, name));
      if (chosen.length !== 1) {
        throw new Fault(
          'PB_UNKNOWN_FLAG',
          `say where to, once: ${Object.keys(waysOptions)
            .map((name) => `--${name}`)
            .join(', ')}`,
        );
      }
      if (options.execute && options['dry-run'])
        throw new Fault('PB_UNKNOWN_FLAG', '--execute and --dry-run exclude each other');
      const rows: (readonly [string, Move])[] = [];
      for (const group of groupIdsOf(options.group, positionals)) {
        const moves = await plan(admin, group, options.topic, options);
        if (options.execute) await carryOut(admin, group, moves);
        rows.push(...moves.map((move) => [group, move] as const));
      }
      await show(
        terminal,
        options.json,
        rows.map(([group, move]) => ({ group, ...move })),
        [
          { heading: 'GROUP' },
          { heading: 'TOPIC' },
          { heading: 'PARTITION', isNumber: true },
          { heading: 'FROM', isNumber: true },
          { heading: 'TO', isNumber: true },
        ],
        rows.map(([group, { topic, partition, from, to }]) => [group, topic, partition, from, to]),
      );
      if (!options.execute) terminal.warn('nothing was changed; add --execute to do it');
      return 0;
    }),
});

interface Ways {
  readonly 'to-earliest': boolean;
  readonly 'to-latest': boolean;
  readonly 'to-current': boolean;
  readonly 'to-offset': number | null;
  readonly 'to-datetime': string | null;
  readonly 'by-duration': string | null;
  readonly 'shift-by': number | null;
  readonly 'from-file': string | null;
}

function isGiven(options: Ways, name: string): boolean {
  const value = new Map<string, unknown>(Object.entries(options)).get(name);
  return value !== null && value !== false && value !== undefined;
}

async function plan(admin: Admin, group: string, topics: readonly string[], ways: Ways): Promise<Move[]> {
  const committed = await admin.groupPositions.list(group);
  const current = new Map(committed.map(({ topic, partition, offset }) => [`${topic}-${partition}`, offset]));
  const fromFile = ways['from-file'] === null ? null : readMoves(ways['from-file']);
  const places = fromFile ?? (topics.length > 0 ? await placesOf(admin, topics) : committed);
  if (places.length === 0) {
    throw new Fault('PB_BAD_SETTING', `the group ${group} has committed nothing; name topics with --topic`);
  }
  const offsetsAt = (time: OffsetTime): Promise<readonly { readonly offset: number }[]> =>
    admin.partitionRecords.findOffsets(places.map(({ topic, partition }) => ({ topic, partition, time })));
  const [starts, ends] = await Promise.all([offsetsAt('earliest'), offsetsAt('latest')]);
  const timeMs = momentOf(ways);
  const found = timeMs === null ? [] : await offsetsAt(timeMs);
  return places.map((place, index) => {
    const start = starts[index]?.offset ?? 0;
    const end = ends[index]?.offset ?? 0;
    const from = current.get(`${place.topic}-${place.partition}`) ?? null;
    const wanted = wantedOffset(ways, place, from, start, end, found[index]?.offset ?? -1);
    return { topic: place.topic, partition: place.partition, from, to: Math.min(Math.max(wanted, start), end) };
  });
}

function wantedOffset(
  ways: Ways,
  place: Place & { readonly offset?: number },
  from: number | null,
  start: number,
  end: number,
  found: number,
): number {
  if (ways['from-file'] !== null) return place.offset ?? start;
  if (ways['to-earliest']) return start;
  if (ways['to-latest']) return end;
  if (ways['to-offset'] !== null) return ways['to-offset'];
  if (ways['shift-by'] !== null) {
    if (from === null)
      throw new Fault('PB_BAD_SETTING', `${place.topic}-${place.partition} has no offset that could be shifted`);
    return from + ways['shift-by'];
  }
  if (ways['to-current']) return from ?? end;
  return found < 0 ? end : found;
}

function momentOf(ways: Ways): number | null {
  if (ways['to-datetime'] !== null) return timeOf(ways['to-datetime'], Date.now());
  return ways['by-duration'] === null ? null : Date.now() - durationOf(ways['by-duration']);
}

async function carryOut(admin: Admin, group: string, moves: readonly Move[]): Promise<void> {
  const [described] = await admin.groups.describe([group]);
  if (described !== undefined && described.error === null && described.members.length > 0) {
    throw new Fault('PB_LIMIT', `the group ${group} has ${described.members.length} members at work; stop them first`);
  }
  await admin.groupPositions.alter(
    group,
    moves.map(({ topic, partition, to }) => ({ topic, partition, offset: to })),
  );
}

/** "orders" means all partitions, "orders:0,2" those. */
async function placesOf(admin: Admin, topics: readonly string[]): Promise<Place[]> {
  const wishes = topics.map((text) => {
    const [name = '', list] = text.split(':');
    const partitions = list === undefined ? null : list.split(',').map(Number);
    if (name === '' || partitions?.some((each) => !Number.isInteger(each) || each < 0) === true) {
      throw new Fault('PB_BAD_SETTING', `--topic ${text} is none; write TOPIC or TOPIC:0,1`);
    }
    return { name, partitions };
  });
  const described = await admin.topics.describe(wishes.map(({ name }) => name));
  demand(described);
  return wishes.flatMap(({ name, partitions }) => {
    const all = described.find((each) => each.name === name)?.topic?.partitions.map(({ partition }) => partition) ?? [];
    return (partitions ?? all).map((partition) => ({ topic: name, partition }));
  });
}

function readMoves(path: string): (Place & { readonly offset: number })[] {
  const lines = readFileSync(path, 'utf8')
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '');
  return lines.map((line, index) => {
    const match = /^\s*(?:[^,]*,)?"?([a-zA-Z0-9._-]+)"?,(\d{1,9}),(\d{1,15})\s*$/.exec(line);
    if (match === null) {
      throw new Fault('PB_BAD_SETTING', `line ${index + 1} of ${path} is not topic,partition,offset`);
    }
    return { topic: match[1] ?? '', partition: Number(match[2]), offset: Number(match[3]) };
  });
}
