/** ListGroups and DescribeGroups: what groups there are, and what is in those that speak the classic protocol. */
import { errorCode } from '../protocol/errors.ts';
import type { GroupCoordinator } from './coordinator.ts';
import type { GroupKind } from './group-face.ts';

export interface ListedGroup {
  readonly groupId: string;
  readonly protocolType: string;
  readonly stateName: string;
  readonly typeName: string;
}

export interface GroupFilter {
  /** Names of states and types in any case; empty: all. */
  readonly states: readonly string[];
  readonly types: readonly string[];
}

export interface DescribedMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly memberMetadata: Uint8Array;
  readonly memberAssignment: Uint8Array;
}

export interface DescribedGroup {
  readonly errorCode: number;
  readonly groupState: string;
  readonly protocolType: string;
  readonly protocolData: string;
  readonly members: readonly DescribedMember[];
}

const TYPE_NAMES = { classic: 'classic', consumer: 'consumer', share: 'share' } satisfies Record<GroupKind, string>;
const NO_BYTES = new Uint8Array(0);

/** While a shard loads nobody can say what is in it, so the client has to ask again. */
export function listGroups(
  coordinator: GroupCoordinator,
  filter: GroupFilter,
): { readonly errorCode: number; readonly groups: readonly ListedGroup[] } {
  const states = new Set(filter.states.map((name) => name.toLowerCase()));
  const types = new Set(filter.types.map((name) => name.toLowerCase()));
  const groups: ListedGroup[] = [];
  for (const shard of coordinator.shards) {
    if (shard.errorCode !== errorCode.NONE) return { errorCode: shard.errorCode, groups: [] };
    for (const { groupId, kind, protocolType, stateName } of shard.groups.values()) {
      const typeName = TYPE_NAMES[kind];
      const isWanted =
        (states.size === 0 || states.has(stateName.toLowerCase())) &&
        (types.size === 0 || types.has(typeName.toLowerCase()));
      if (isWanted) groups.push({ groupId, protocolType, stateName, typeName });
    }
  }
  return { errorCode: errorCode.NONE, groups };
}

/** A group that is not there, or is of another kind, is GROUP_ID_NOT_FOUND and Dead. */
export function describeClassicGroup(coordinator: GroupCoordinator, groupId: string): DescribedGroup {
  const found = coordinator.shardOf(groupId);
  if (found.shard === null) return nothing(found.errorCode, '');
  const group = found.shard.groups.get(groupId);
  if (group?.kind !== 'classic') return nothing(errorCode.GROUP_ID_NOT_FOUND, 'Dead');
  // Between two generations there is no protocol, so there is nothing to say of the members but who they are.
  const isStable = group.state === 'Stable';
  return {
    errorCode: errorCode.NONE,
    groupState: group.stateName,
    protocolType: group.protocolType,
    protocolData: isStable ? (group.protocolName ?? '') : '',
    members: Array.from(group.members.values(), (member) => ({
      memberId: member.memberId,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: isStable ? member.metadataFor(group.protocolName) : NO_BYTES,
      memberAssignment: member.assignment,
    })),
  };
}

function nothing(code: number, groupState: string): DescribedGroup {
  return { errorCode: code, groupState, protocolType: '', protocolData: '', members: [] };
}
