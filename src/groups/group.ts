/**
 * A group of any kind, told apart by `kind`. A shard has one group for one id, whatever its kind; a group that changes its
 * protocol is replaced by another object.
 */
import type { ClassicGroup } from './classic-group.ts';
import type { ConsumerGroup } from './consumer-group.ts';
import type { ShareGroup } from './share-group.ts';

export type Group = ClassicGroup | ConsumerGroup | ShareGroup;
