/**
 * Main's work on partition folders: makes those of new partitions before a worker hears of them, and removes those of deleted
 * ones when no worker has them any more. A few at a time, since thousands take seconds and main has others to answer; the
 * data folder itself is flushed once for all of them. Knows neither topics' settings nor workers.
 */
import { isFault } from '../base/fault.ts';
import type { Logger } from '../base/logger.ts';
import type { LogDirectory } from '../storage/log-directory.ts';
import type { NewPartition } from '../storage/new-partition.ts';

export interface PartitionFoldersParts {
  readonly directory: Pick<LogDirectory, 'begin' | 'forgetNamesakes' | 'putAside' | 'removeFolder' | 'syncNames'>;
  /** 32 hex digits, others each time. */
  readonly uniqueHex: () => string;
  /** Lets main do something else. */
  readonly pause: () => Promise<void>;
  readonly logger: Logger;
}

/** A folder with its files takes a tenth of a millisecond to make, and as long to remove; several where the disk is busy. */
export const FOLDERS_AT_ONCE = 16;

export type Beginning = 'begun' | 'found' | { readonly problem: string };

export class PartitionFolders {
  private readonly parts: PartitionFoldersParts;
  private isLeaving = false;

  constructor(parts: PartitionFoldersParts) {
    this.parts = parts;
  }

  /** An outcome for each, in their order. What is `found` there already is for the log to look at. */
  async begin(partitions: readonly NewPartition[]): Promise<Beginning[]> {
    const beginnings: Beginning[] = [];
    const problem = this.forgetNamesakes(partitions);
    if (problem !== null) return partitions.map(() => problem);
    await this.forEach(partitions, (partition) => beginnings.push(this.beginOne(partition)));
    return beginnings;
  }

  /** What is written down of others that had their names goes before their folders are made; null: it is gone. */
  forgetNamesakes(partitions: readonly { readonly topic: string; readonly partition: number }[]): Beginning | null {
    try {
      this.parts.directory.forgetNamesakes(partitions);
      return null;
    } catch (error) {
      return this.unmade(error, partitions.length === 1 ? 'a partition does' : 'partitions do');
    }
  }

  /** Names made since then outlive the power. */
  syncNames(): void {
    this.parts.directory.syncNames();
  }

  /** Logs in them are closed. Their names are free, whatever stops the broker, before anything of them is removed. */
  async remove(folders: readonly { readonly topic: string; readonly partition: number }[]): Promise<void> {
    const { directory, uniqueHex } = this.parts;
    const aside: string[] = [];
    await this.forEach(folders, ({ topic, partition }) => {
      const path = directory.putAside(topic, partition, uniqueHex());
      if (path !== null) aside.push(path);
    });
    if (aside.length === 0) return;
    directory.syncNames();
    await this.forEach(aside, (path) => this.isLeaving || directory.removeFolder(path));
  }

  /** Before a stop, which does not wait until thousands are gone: what is put aside goes with the next start. */
  leave(): void {
    this.isLeaving = true;
  }

  private beginOne(partition: NewPartition): Beginning {
    try {
      return this.parts.directory.begin(partition) ? 'begun' : 'found';
    } catch (error) {
      return this.unmade(error, `partition ${partition.topic}-${partition.partition} does`);
    }
  }

  private unmade(error: unknown, whatDoes: string): Beginning {
    if (!isFault(error)) throw error;
    // Clients are not told where the data lies; whoever runs the broker is.
    this.parts.logger.error(`${whatDoes} not open: ${error.message}`);
    return { problem: error.message };
  }

  private async forEach<T>(items: readonly T[], work: (item: T) => unknown): Promise<void> {
    for (const [index, item] of items.entries()) {
      if (index > 0 && index % FOLDERS_AT_ONCE === 0) await this.parts.pause();
      work(item);
    }
  }
}
