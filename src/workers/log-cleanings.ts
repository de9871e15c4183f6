/**
 * A worker's part in compaction, by main's commands: it says which of its logs are worth compacting, gives out the plan
 * for one, and puts finished segments in their place between two turns' writes. Renames only: what takes long was done in
 * the background.
 */
import { isFault } from '../base/fault.ts';
import type { Logger } from '../base/logger.ts';
import type { CleaningPlan, GroupCleaned } from '../storage/compaction.ts';
import type { CleanableLog, CleaningCommand, WorkerReply } from './commands.ts';
import type { OwnedPartition, PartitionTable } from './partition-table.ts';

export interface LogCleaningsParts {
  readonly table: PartitionTable;
  readonly reply: (reply: WorkerReply) => void;
  readonly logger: Logger;
}

export class LogCleanings {
  private readonly parts: LogCleaningsParts;

  constructor(parts: LogCleaningsParts) {
    this.parts = parts;
  }

  handle(command: CleaningCommand, nowMs: number): void {
    const { reply } = this.parts;
    const { id } = command;
    switch (command.kind) {
      case 'cleanables':
        reply({ kind: 'cleanables', id, rows: this.measure(nowMs) });
        break;
      case 'begin-cleaning':
        reply({ kind: 'cleaning-plan', id, plan: this.plan(command.slot, nowMs) });
        break;
      case 'swap-cleaned':
        reply({ kind: 'swapped', id, isDone: this.swap(command.slot, command.partitionName, command.cleaned, nowMs) });
        break;
      case 'end-cleaning':
        this.named(command.slot, command.partitionName)?.log.cleaning.end(command.endOffset);
        reply({ kind: 'swapped', id, isDone: true });
        break;
    }
  }

  private measure(nowMs: number): CleanableLog[] {
    const rows: CleanableLog[] = [];
    for (const { slot, log } of this.parts.table.all()) {
      if (!log.settings.isCompacted) continue;
      try {
        const measured = log.cleaning.measure(nowMs);
        if (measured === null) continue;
        const { dirtyRatioMin } = log.settings;
        rows.push({ slot, partitionName: log.partitionName, dirtyRatioMin, ...measured });
      } catch (error) {
        if (!isFault(error)) throw error;
        this.parts.logger.warn(`${log.partitionName} cannot be looked at for compaction: ${error.message}`);
      }
    }
    return rows;
  }

  private plan(slot: number, nowMs: number): CleaningPlan | null {
    const partition = this.parts.table.at(slot);
    if (partition === null || partition.log.isPoisoned) return null;
    try {
      return partition.log.cleaning.plan(nowMs);
    } catch (error) {
      if (!isFault(error)) throw error;
      this.parts.logger.warn(`${partition.log.partitionName} cannot be compacted: ${error.message}`);
      return null;
    }
  }

  private swap(slot: number, partitionName: string, cleaned: GroupCleaned, nowMs: number): boolean {
    const partition = this.named(slot, partitionName);
    if (partition === null) return false;
    try {
      return partition.log.cleaning.swap(cleaned, nowMs);
    } catch (error) {
      if (!isFault(error)) throw error;
      this.parts.logger.error(
        `${partitionName}: a compacted segment did not get to its place; restart the broker to finish it: ${error.message}`,
      );
      partition.log.breakDown();
      return false;
    }
  }

  /** The slot may have changed hands since the plan was given out. */
  private named(slot: number, partitionName: string): OwnedPartition | null {
    const partition = this.parts.table.at(slot);
    return partition?.log.partitionName === partitionName ? partition : null;
  }
}
