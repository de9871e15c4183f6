/**
 * The stored state of one share partition: what replaying `__share_group_state` gives, and what the next snapshot will
 * say. Kept by `share-state-store.ts`; the living state machine (`share-partition.ts`) begins with it.
 */
import { type DeliveryState, InFlight, isTerminal } from './in-flight.ts';
import type { StateBatch, StateChange } from './share-partition.ts';
import type { ShareSnapshot, ShareUpdate } from './state-records.ts';

/** The group has the partition, and has not been told yet where to start. */
export const START_UNKNOWN = -1;

export class ShareState {
  snapshotEpoch: number;
  stateEpoch: number;
  leaderEpoch: number;
  startOffset: number;
  /** Records behind the start that are done with; -1: not known. */
  deliveryCompleteCount: number;
  updatesSinceSnapshot = 0;
  private readonly createdMs: number;
  private writtenMs: number;
  private readonly batches = new InFlight();

  constructor(snapshot: ShareSnapshot) {
    this.snapshotEpoch = snapshot.snapshotEpoch;
    this.stateEpoch = snapshot.stateEpoch;
    this.leaderEpoch = snapshot.leaderEpoch;
    this.startOffset = snapshot.startOffset;
    this.deliveryCompleteCount = snapshot.deliveryCompleteCount;
    this.createdMs = snapshot.createTimestamp;
    this.writtenMs = snapshot.writeTimestamp;
    this.lay(snapshot.stateBatches);
  }

  static begin(stateEpoch: number, leaderEpoch: number, startOffset: number, nowMs: number): ShareState {
    return new ShareState({
      snapshotEpoch: 0,
      stateEpoch,
      leaderEpoch,
      startOffset,
      deliveryCompleteCount: -1,
      createTimestamp: nowMs,
      writeTimestamp: nowMs,
      stateBatches: [],
    });
  }

  /** Behind all that is known of. */
  get knownEnd(): number {
    return Math.max(this.startOffset, (this.batches.runs.at(-1)?.last ?? -1) + 1);
  }

  get stateBatches(): StateBatch[] {
    return this.batches.runs.map((run) => ({
      firstOffset: run.first,
      lastOffset: run.last,
      deliveryState: run.state,
      deliveryCount: run.deliveryCount,
    }));
  }

  /** An update of an older snapshot says nothing: what it said is in the newer one. */
  replay(update: ShareUpdate): void {
    if (update.snapshotEpoch !== this.snapshotEpoch) return;
    this.apply(update, update.leaderEpoch);
    this.updatesSinceSnapshot += 1;
  }

  /** The update that says the change, or null when a snapshot is due after it. */
  change(change: StateChange, leaderEpoch: number, updatesMax: number, nowMs: number): ShareUpdate | null {
    this.apply(change, leaderEpoch);
    this.writtenMs = nowMs;
    if (this.updatesSinceSnapshot >= updatesMax) return null;
    this.updatesSinceSnapshot += 1;
    return { ...change, stateBatches: [...change.stateBatches], snapshotEpoch: this.snapshotEpoch, leaderEpoch };
  }

  /** Of a log that ended there: what was known of offsets behind it was about other records than those that get them now. */
  cut(end: number, leaderEpoch: number, nowMs: number): void {
    this.leaderEpoch = leaderEpoch;
    this.startOffset = Math.min(this.startOffset, end);
    this.batches.dropFrom(end);
    const done = this.batches.runs.filter(isTerminal);
    this.deliveryCompleteCount = done.reduce((sum, run) => sum + run.last - run.first + 1, 0);
    this.writtenMs = nowMs;
  }

  /** Begins a new snapshot. */
  snapshot(): ShareSnapshot {
    this.snapshotEpoch += 1;
    this.updatesSinceSnapshot = 0;
    return this.asSnapshot();
  }

  asSnapshot(): ShareSnapshot {
    return {
      snapshotEpoch: this.snapshotEpoch,
      stateEpoch: this.stateEpoch,
      leaderEpoch: this.leaderEpoch,
      startOffset: this.startOffset,
      deliveryCompleteCount: this.deliveryCompleteCount,
      createTimestamp: this.createdMs,
      writeTimestamp: this.writtenMs,
      stateBatches: this.stateBatches,
    };
  }

  private apply(change: StateChange, leaderEpoch: number): void {
    this.leaderEpoch = leaderEpoch;
    this.deliveryCompleteCount = change.deliveryCompleteCount;
    this.lay(change.stateBatches);
    if (change.startOffset <= this.startOffset) return;
    this.startOffset = change.startOffset;
    this.batches.dropBefore(change.startOffset);
  }

  /** The newer batch covers the older. What came from a disk is believed only where it makes sense. */
  private lay(stateBatches: readonly StateBatch[]): void {
    for (const { firstOffset, lastOffset, deliveryState, deliveryCount } of stateBatches) {
      const first = Math.max(firstOffset, this.startOffset);
      if (lastOffset < first) continue;
      this.batches.replace({
        first,
        last: lastOffset,
        state: knownState(deliveryState),
        deliveryCount,
        memberId: '',
        dueMs: Number.POSITIVE_INFINITY,
        isChanged: false,
      });
    }
  }
}

function knownState(state: number): DeliveryState {
  return state === 1 || state === 2 || state === 4 ? state : 0;
}
