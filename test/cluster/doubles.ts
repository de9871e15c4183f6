/** Stand-ins for the ports of the controller: a store in memory, a host that remembers. */
import { Fault } from '../../src/base/fault.ts';
import type { CatalogRecord } from '../../src/cluster/catalog-records.ts';
import { Controller } from '../../src/cluster/controller.ts';
import type { MetadataStore, OpenedMetadata } from '../../src/cluster/metadata-store.ts';
import type {
  HostedPartition,
  OpenOutcome,
  PartitionHost,
  PartitionToOpen,
  StartOutcome,
} from '../../src/cluster/partition-host.ts';
import type { StartOptions } from '../../src/cluster/start-records.ts';
import type { BrokerConfig } from '../../src/config/broker-config.ts';
import { loadBrokerConfig } from '../../src/config/load.ts';
import type { ProducerFacts } from '../../src/storage/producer-entry.ts';

export class MemoryStore implements MetadataStore {
  records: CatalogRecord[] = [];
  isFailing = false;
  isLong = false;
  /** Lives with the store, so that a restart does not draw the same ids again. */
  readonly randomBytes = countingBytes();

  open(): Promise<OpenedMetadata> {
    return Promise.resolve({ records: [...this.records], notices: [] });
  }

  append(records: readonly CatalogRecord[]): Promise<void> {
    if (this.isFailing) return Promise.reject(new Fault('PB_DISK_FULL', 'the disk is full'));
    this.records.push(...records);
    return Promise.resolve();
  }

  replaceAll(records: readonly CatalogRecord[]): Promise<void> {
    this.isLong = false;
    this.records = [...records];
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

export class RememberingHost implements PartitionHost {
  readonly open = new Map<number, PartitionToOpen>();
  readonly removed: string[] = [];
  problem: string | null = null;

  config: BrokerConfig | null = null;

  takeConfig(config: BrokerConfig): void {
    this.config = config;
  }

  openPartitions(partitions: readonly PartitionToOpen[]): Promise<readonly OpenOutcome[]> {
    return Promise.resolve(
      partitions.map((partition) => {
        if (this.open.has(partition.slot)) throw new Error(`slot ${partition.slot} is taken`);
        if (this.problem === null) this.open.set(partition.slot, partition);
        return { slot: partition.slot, problem: this.problem };
      }),
    );
  }

  closePartitions(partitions: readonly HostedPartition[], options: { readonly remove: boolean }): Promise<void> {
    for (const { slot, topic, partition } of partitions) {
      this.open.delete(slot);
      if (options.remove) this.removed.push(`${topic}-${partition}`);
    }
    return Promise.resolve();
  }

  removeFolders(folders: Parameters<PartitionHost['removeFolders']>[0]): Promise<void> {
    for (const { topic, partition } of folders) this.removed.push(`${topic}-${partition}`);
    return Promise.resolve();
  }

  describeProducers({ slot }: { readonly slot: number }): Promise<readonly ProducerFacts[] | null> {
    return Promise.resolve(this.open.has(slot) ? [] : null);
  }

  configurePartitions(partitions: Parameters<PartitionHost['configurePartitions']>[0]): Promise<void> {
    for (const { slot, values } of partitions) {
      const open = this.open.get(slot);
      if (open !== undefined) this.open.set(slot, { ...open, values });
    }
    return Promise.resolve();
  }

  moveStarts(moves: Parameters<PartitionHost['moveStarts']>[0]): Promise<readonly StartOutcome[]> {
    return Promise.resolve(moves.map(({ slot, offset }) => ({ slot, error: 0, logStart: Math.max(0, offset) })));
  }

  flushedOffsets(): Promise<ReadonlyMap<number, number>> {
    return Promise.resolve(new Map());
  }

  sizes(): Promise<ReadonlyMap<number, number>> {
    return Promise.resolve(new Map([...this.open.keys()].map((slot) => [slot, 1000 + slot])));
  }
}

/** Bytes that differ at every call and are the same in every run. */
export function countingBytes(): (count: number) => Uint8Array {
  let calls = 0;
  return (count) => {
    calls++;
    return Uint8Array.from({ length: count }, (_, index) => (calls * 31 + index * 7 + (calls >> 8)) & 0xff);
  };
}

export const plainStart: StartOptions = { found: [], wasUnclean: false, clusterId: null };

export interface Rig {
  readonly store: MemoryStore;
  readonly host: RememberingHost;
  readonly controller: Controller;
  readonly clock: { nowMs: number };
}

export function makeRig(
  options: { sets?: readonly string[]; workers?: number; store?: MemoryStore; slotsMax?: number } = {},
): Rig {
  const store = options.store ?? new MemoryStore();
  const host = new RememberingHost();
  const clock = { nowMs: 1000 };
  const controller = new Controller({
    store,
    host,
    config: loadBrokerConfig({ sets: options.sets ?? [] }),
    workers: options.workers ?? 2,
    nowMs: () => clock.nowMs,
    randomBytes: store.randomBytes,
    ...(options.slotsMax === undefined ? {} : { slotsMax: options.slotsMax }),
  });
  return { store, host, controller, clock };
}
