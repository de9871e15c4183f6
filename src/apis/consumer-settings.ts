/** The settings of a consumer group, from the broker's and the group's own, for the control plane. */
import type { Controller } from '../cluster/controller.ts';
import { groupValues } from '../config/group-config.ts';
import type { ConsumerGroupSettings, MigrationPolicy } from '../groups/group-world.ts';

/** Kafka has a hidden setting of this value. */
const PATTERN_REFRESH_MS = 600_000;

export function consumerSettings(controller: Controller, groupId: string): ConsumerGroupSettings {
  const { config, catalog } = controller;
  const broker = config.values;
  const own = catalog.groupConfigs.get(groupId);
  const group = own === undefined ? null : groupValues(own, config);
  return {
    sessionTimeoutMs: group?.['consumer.session.timeout.ms'] ?? broker['group.consumer.session.timeout.ms'],
    heartbeatIntervalMs: group?.['consumer.heartbeat.interval.ms'] ?? broker['group.consumer.heartbeat.interval.ms'],
    unsettledHeartbeatIntervalMs: broker['perfbroker.group.consumer.rebalance.heartbeat.interval.ms'],
    assignmentIntervalMs: group?.['consumer.assignment.interval.ms'] ?? broker['group.consumer.assignment.interval.ms'],
    patternRefreshIntervalMs: PATTERN_REFRESH_MS,
    sizeMax: broker['group.consumer.max.size'],
    classicSizeMax: broker['group.max.size'],
    migrationPolicy: policyOf(broker['group.consumer.migration.policy']),
    assignors: broker['group.consumer.assignors'],
  };
}

function policyOf(name: string): MigrationPolicy {
  switch (name) {
    case 'disabled':
    case 'upgrade':
    case 'downgrade':
      return name;
    default:
      return 'bidirectional';
  }
}
