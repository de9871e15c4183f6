/**
 * What share groups keep about partitions, as it lies in `__share_group_state`, in Kafka's layout. A snapshot holds the
 * whole state of one partition of one group; an update holds what changed since, and counts only on its snapshot.
 */
import {
  array,
  int8,
  int16,
  int32,
  int64,
  NEVER,
  string,
  struct,
  tagged,
  uuid,
  withDefault,
} from '../protocol/fields.ts';
import { defineStored, type StoredValueOf } from '../protocol/stored-record.ts';

const key = { groupId: string(), topicId: uuid(), partition: int32() };

const stateBatches = array(
  struct({
    firstOffset: int64(),
    lastOffset: int64(),
    deliveryState: int8(),
    deliveryCount: int16(),
  }),
);

export const shareSnapshotKey = defineStored({
  name: 'ShareSnapshotKey',
  kind: 0,
  versions: [0, 0],
  flexibleSince: NEVER,
  fields: key,
});

export const shareSnapshotValue = defineStored({
  name: 'ShareSnapshotValue',
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    snapshotEpoch: int32(),
    stateEpoch: int32(),
    leaderEpoch: int32(),
    startOffset: int64(),
    deliveryCompleteCount: tagged(0, withDefault(int32(), -1)),
    createTimestamp: int64(),
    writeTimestamp: int64(),
    stateBatches,
  },
});

export const shareUpdateKey = defineStored({
  name: 'ShareUpdateKey',
  kind: 1,
  versions: [0, 0],
  flexibleSince: NEVER,
  fields: key,
});

export const shareUpdateValue = defineStored({
  name: 'ShareUpdateValue',
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    snapshotEpoch: int32(),
    leaderEpoch: int32(),
    startOffset: int64(),
    deliveryCompleteCount: tagged(0, withDefault(int32(), -1)),
    stateBatches,
  },
});

export type ShareSnapshot = StoredValueOf<typeof shareSnapshotValue>;
export type ShareUpdate = StoredValueOf<typeof shareUpdateValue>;
