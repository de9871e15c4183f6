/**
 * What outlives a broker in a simulation: the disk with the data folder, the metadata, the clock, and the random numbers
 * of the run. A broker is started over it, stopped, killed or robbed of its power, and another started.
 */
import type { CatalogRecord } from '../../src/cluster/catalog-records.ts';
import type { MetadataStore, OpenedMetadata } from '../../src/cluster/metadata-store.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeDisk } from './fake-disk.ts';
import { Prng } from './prng.ts';

export const DATA_FOLDER = 'data';

/** Metadata in memory: an append is durable when it resolves, as the port demands. */
export class RememberingStore implements MetadataStore {
  readonly isLong = false;
  private records: CatalogRecord[] = [];

  open(): Promise<OpenedMetadata> {
    return Promise.resolve({ records: [...this.records], notices: [] });
  }

  append(records: readonly CatalogRecord[]): Promise<void> {
    this.records.push(...records);
    return Promise.resolve();
  }

  replaceAll(records: readonly CatalogRecord[]): Promise<void> {
    this.records = [...records];
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

export class SimulatedWorld {
  readonly seed: number;
  readonly random: Prng;
  readonly clock = new FakeClock();
  readonly disk: FakeDisk;
  /** Of the broker that starts next. */
  store: MetadataStore = new RememberingStore();
  /** Another one after a loss of power. */
  bootId = 'boot-1';

  constructor(seed = 1) {
    this.seed = seed;
    this.random = new Prng(seed);
    this.disk = new FakeDisk({ seed: this.random.nextWord(), nowMs: () => this.clock.nowMs() });
    // Whoever set the machine up made the data folder long ago.
    this.disk.makeFolder(DATA_FOLDER);
    this.disk.syncFolder('');
  }

  /** The machine loses its power and starts again; brokers that ran are gone. */
  losePower(): void {
    this.disk.crash('power');
    this.bootId = `boot-${this.random.nextWord()}`;
  }

  randomBytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    this.random.fill(bytes);
    return bytes;
  }
}
