/** What decisions about consumer groups are made from besides the group itself: topics, settings, the time, chance. */
import type { TopicView } from './topic-view.ts';

export type MigrationPolicy = 'disabled' | 'upgrade' | 'downgrade' | 'bidirectional';

/** Settings as they hold for one group: the broker's, or what was set on the group itself. */
export interface ConsumerGroupSettings {
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  /** Interval that members are told while their group changes, and shortly after, if it is shorter than the other. */
  readonly unsettledHeartbeatIntervalMs: number;
  /** The least time between two target assignments. */
  readonly assignmentIntervalMs: number;
  readonly patternRefreshIntervalMs: number;
  readonly sizeMax: number;
  /** How many members a classic group may have: a larger group is not downgraded. */
  readonly classicSizeMax: number;
  readonly migrationPolicy: MigrationPolicy;
  /** Names, the first is the default. */
  readonly assignors: readonly string[];
}

export interface GroupWorld {
  readonly topics: TopicView;
  readonly settings: ConsumerGroupSettings;
  readonly nowMs: number;
  /** A new member id. */
  newId(): string;
}

export function canUpgrade({ migrationPolicy }: ConsumerGroupSettings): boolean {
  return migrationPolicy === 'upgrade' || migrationPolicy === 'bidirectional';
}

export function canDowngrade({ migrationPolicy }: ConsumerGroupSettings): boolean {
  return migrationPolicy === 'downgrade' || migrationPolicy === 'bidirectional';
}
