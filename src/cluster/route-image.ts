/**
 * What fronts and workers learn about the catalog: a full image when they begin, then one message a change, each with
 * the next number. Plain data that can be posted to a thread.
 */
export interface RoutePartition {
  readonly slot: number;
  readonly worker: number;
  readonly leaderEpoch: number;
}

export interface RouteTopic {
  readonly name: string;
  /** 16 bytes. */
  readonly id: Uint8Array;
  /** Index is the partition's number. */
  readonly partitions: readonly RoutePartition[];
  /** The broker keeps things of its own there: clients may read, not write. Left out: no. */
  readonly isInternal?: boolean;
}

export type RouteUpdate =
  | {
      readonly kind: 'image';
      readonly version: number;
      readonly nodeId: number;
      readonly topics: readonly RouteTopic[];
    }
  /** New, or with more partitions than before. */
  | { readonly kind: 'topic'; readonly version: number; readonly topic: RouteTopic }
  | { readonly kind: 'topic-gone'; readonly version: number; readonly name: string; readonly id: Uint8Array };
