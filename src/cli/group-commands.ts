/** `perfbroker group list|describe|delete`; moving a group is `group-reset.ts`. */
import { Fault } from '../base/fault.ts';
import type { Admin } from '../client/admin.ts';
import { type DescribedGroup, demand, type GroupPosition } from '../client/client.ts';
import { brokerOptions, defineCommand, jsonOption } from './command.ts';
import { withAdmin } from './open-client.ts';
import { type Cell, type Colour, renderJson, show } from './text-table.ts';

const groupName = { name: 'GROUP', doc: 'The group; --group does the same.', isRequired: false, isMany: true } as const;
const groupOption = {
  group: { kind: 'list', alias: 'g', placeholder: 'GROUP', doc: 'The group.' },
} as const;
const types = ['classic', 'consumer', 'share'] as const;

export const groupList = defineCommand({
  words: 'group list',
  needsArguments: false,
  summary: 'List groups.',
  positional: null,
  options: {
    ...brokerOptions,
    ...jsonOption,
    state: { kind: 'list', placeholder: 'STATE', doc: 'Only groups in this state: Stable, Empty …' },
    type: { kind: 'text', choices: types, placeholder: 'TYPE', doc: 'Only groups of this type.' },
  },
  examples: ['group list', 'group list --state Empty'],
  run: ({ options, terminal }) =>
    withAdmin(options, terminal, async (admin) => {
      const type = types.find((each) => each === options.type);
      const groups = await admin.groups.list({
        states: options.state,
        ...(type === undefined ? {} : { types: [type] }),
      });
      const sorted = groups.toSorted((one, other) => (one.groupId < other.groupId ? -1 : 1));
      await show(
        terminal,
        options.json,
        sorted,
        [
          { heading: 'GROUP' },
          { heading: 'TYPE' },
          { heading: 'STATE', colour: colourOfState },
          { heading: 'PROTOCOL' },
        ],
        sorted.map(({ groupId, type: kind, state, protocolType }) => [groupId, kind, state, protocolType]),
      );
      return 0;
    }),
});

export const groupDescribe = defineCommand({
  words: 'group describe',
  needsArguments: true,
  summary: 'Show state, offsets, lag and members of groups.',
  positional: groupName,
  options: {
    ...brokerOptions,
    ...jsonOption,
    ...groupOption,
    members: { kind: 'flag', doc: 'Show members instead of offsets.' },
    all: { kind: 'flag', names: ['all-groups'], doc: 'All groups.' },
  },
  examples: ['group describe billing', 'group describe billing --members'],
  run: ({ options, positionals, terminal }) =>
    withAdmin(options, terminal, async (admin) => {
      const ids = options.all
        ? (await admin.groups.list()).map(({ groupId }) => groupId)
        : groupIdsOf(options.group, positionals);
      const groups = await admin.groups.describe(ids);
      demand(groups);
      const found = await Promise.all(
        groups.map(async (group) => ({ group, positions: await positionsOf(admin, group) })),
      );
      const json = found.map(({ group: { error: _error, ...group }, positions }) => ({ ...group, offsets: positions }));
      if (options.json) {
        await terminal.write(renderJson(json));
        return 0;
      }
      for (const { group, positions } of found) {
        const assignor = group.assignor === '' ? '' : `, ${group.assignor}`;
        await terminal.write(
          `${group.groupId}  ${group.type}, ${group.state}${assignor}, ${group.members.length} members\n`,
        );
        if (options.members) await showMembers(terminal, group);
        else await showOffsets(terminal, group, positions);
      }
      return 0;
    }),
});

export const groupDelete = defineCommand({
  words: 'group delete',
  needsArguments: true,
  summary: 'Delete groups without members, with all their offsets.',
  positional: groupName,
  options: {
    ...brokerOptions,
    ...groupOption,
    topic: { kind: 'list', alias: 't', placeholder: 'TOPIC', doc: 'Delete only the offsets for this topic.' },
  },
  examples: ['group delete billing', 'group delete billing --topic old-orders'],
  run: ({ options, positionals, terminal }) =>
    withAdmin(options, terminal, async (admin) => {
      const ids = groupIdsOf(options.group, positionals);
      if (options.topic.length === 0) {
        demand(await admin.groups.delete(ids));
        await terminal.write(ids.map((id) => `${id} deleted\n`).join(''));
        return 0;
      }
      for (const id of ids) {
        const committed = await admin.groupPositions.list(id);
        const partitions = committed.filter(({ topic }) => options.topic.includes(topic));
        demand(await admin.groupPositions.delete(id, partitions));
        await terminal.write(`${id}: offsets of ${partitions.length} partitions deleted\n`);
      }
      return 0;
    }),
});

export function groupIdsOf(options: readonly string[], positionals: readonly string[]): string[] {
  const ids = [...new Set([...options, ...positionals])];
  if (ids.length === 0) throw new Fault('PB_UNKNOWN_FLAG', 'the group is missing; name it, or write --group GROUP');
  return ids;
}

export function colourOfState(state: string): Colour | null {
  if (state === 'Stable') return 'green';
  if (state === 'Empty' || state === 'Dead') return 'dim';
  return 'yellow';
}

/** What members are assigned and have not committed yet is part of the picture as well. */
async function positionsOf(admin: Admin, group: DescribedGroup): Promise<readonly GroupPosition[]> {
  if (group.type === 'share') {
    const positions = await admin.sharePositions.list(group.groupId);
    return positions.map(({ topic, partition, startOffset, lag }) => ({
      topic,
      partition,
      offset: startOffset,
      leaderEpoch: -1,
      metadata: null,
      startOffset,
      endOffset: lag === null || lag < 0 ? -1 : startOffset + lag,
      lag: lag ?? -1,
    }));
  }
  return await admin.groupPositions.listWithLag(group.groupId);
}

type Output = Parameters<typeof show>[0];

async function showOffsets(
  terminal: Output,
  group: DescribedGroup,
  positions: readonly GroupPosition[],
): Promise<void> {
  const owners = new Map(
    group.members.flatMap((member) =>
      member.assignment.map(({ topic, partition }) => [`${topic}-${partition}`, member] as const),
    ),
  );
  const rows: Cell[][] = positions.map(({ topic, partition, offset, endOffset, lag, metadata }) => {
    const owner = owners.get(`${topic}-${partition}`);
    owners.delete(`${topic}-${partition}`);
    return [topic, partition, offset, endOffset, lag, owner?.memberId ?? null, owner?.host ?? null, metadata ?? ''];
  });
  for (const [, member] of owners) {
    for (const { topic, partition } of member.assignment) {
      if (owners.get(`${topic}-${partition}`) !== member) continue;
      owners.delete(`${topic}-${partition}`);
      rows.push([topic, partition, null, null, null, member.memberId, member.host, '']);
    }
  }
  rows.sort((one, other) => String(one[0]).localeCompare(String(other[0])) || Number(one[1]) - Number(other[1]));
  await show(
    terminal,
    false,
    null,
    [
      { heading: 'TOPIC' },
      { heading: 'PARTITION', isNumber: true },
      { heading: 'OFFSET', isNumber: true },
      { heading: 'END', isNumber: true },
      { heading: 'LAG', isNumber: true, colour: (cell) => (Number(cell) > 0 ? 'yellow' : null) },
      { heading: 'MEMBER' },
      { heading: 'HOST' },
      { heading: 'METADATA' },
    ],
    rows,
  );
}

async function showMembers(terminal: Output, group: DescribedGroup): Promise<void> {
  await show(
    terminal,
    false,
    null,
    [
      { heading: 'MEMBER' },
      { heading: 'INSTANCE' },
      { heading: 'CLIENT' },
      { heading: 'HOST' },
      { heading: 'EPOCH', isNumber: true },
      { heading: 'PARTITIONS' },
    ],
    group.members.map(({ memberId, groupInstanceId, clientId, host, epoch, assignment }) => [
      memberId,
      groupInstanceId,
      clientId,
      host,
      epoch,
      assignedText(assignment),
    ]),
  );
}

function assignedText(assignment: readonly { readonly topic: string; readonly partition: number }[]): string {
  const byTopic = new Map<string, number[]>();
  for (const { topic, partition } of assignment) byTopic.set(topic, [...(byTopic.get(topic) ?? []), partition]);
  return [...byTopic].map(([topic, partitions]) => `${topic}(${partitions.sort((a, b) => a - b).join(',')})`).join(' ');
}
