/**
 * Opens a partition's log from its folder, or begins a new one. After a clean stop (or after `recovery` has passed over the
 * folder) it scans nothing: it lists the folder, reads the ends of the newest indexes, one snapshot and the epochs. Told
 * that the stop was not clean, or finding out, it lets `recovery` put the folder in order first.
 */
import { Fault } from '../base/fault.ts';
import { EpochHistory } from './epoch-history.ts';
import { PARTITION_METADATA_FILE } from './file-names.ts';
import { Log } from './log.ts';
import type { LogSettings } from './log-settings.ts';
import { listSegments } from './partition-files.ts';
import { formatTopicId, readTopicId } from './partition-metadata.ts';
import { ProducerLedger } from './producer-ledger.ts';
import { loadLedger } from './producer-replay.ts';
import { recoverPartition } from './recovery.ts';
import { Segment } from './segment.ts';
import { SegmentList } from './segment-list.ts';
import { writeSmallFile } from './small-file.ts';
import type { StorageTools } from './storage-tools.ts';

export interface OpenLogParts {
  readonly tools: StorageTools;
  /** The partition's folder; made when it is not there. */
  readonly folder: string;
  /** "topic-0", for messages. */
  readonly partitionName: string;
  /** base64url. */
  readonly topicId: string;
  readonly settings: LogSettings;
  /** At least this; a log that knows of a later one goes on with that. */
  readonly leaderEpoch: number;
  readonly isClean: boolean;
  readonly recoveryPoint: number;
  readonly logStartOffset: number;
  /** See `recovery`; -1 when nobody vouches. */
  readonly writtenOffset: number;
  /** Up to there it was compacted; 0 when nobody says. */
  readonly cleanedOffset: number;
  readonly nowMs: number;
}

/** Throws Fault when the folder cannot be opened. */
export function openLog(parts: OpenLogParts): Log {
  const { tools, folder, nowMs } = parts;
  if (tools.disk.stat(folder) === null) tools.disk.makeFolder(folder);
  claimFolder(parts);
  let recoveryPoint = parts.recoveryPoint;
  if (!parts.isClean) recoveryPoint = recover(parts, recoveryPoint, parts.writtenOffset);
  let segments = listSegments(tools, folder, nowMs);
  let end = endOffset(tools, segments);
  if (end < 0) {
    tools.logger.warn(`${parts.partitionName} was said to be closed well but ends in damaged bytes; it is recovered`);
    recoveryPoint = recover(parts, 0, -1);
    segments = listSegments(tools, folder, nowMs);
    end = endOffset(tools, segments);
  }
  if (segments.length === 0) segments.push(Segment.create(tools, folder, parts.logStartOffset, 0, nowMs));
  const list = new SegmentList(tools, folder, segments, recoveryPoint);
  const start = Math.max(parts.logStartOffset, segments[0]!.baseOffset);
  if (start > end) {
    // Deleted up to an offset that the log, cut by recovery, no longer reaches: offsets must never be given out twice.
    list.restartAt(start, nowMs);
    end = start;
  }
  const ledger = new ProducerLedger();
  if (!loadLedger(tools, folder, list.items, end, ledger, nowMs)) {
    throw new Fault('PB_DATA_DAMAGED', `${folder} has batches that cannot be read; restore it, or delete the topic`);
  }
  const epochs = EpochHistory.read(tools, folder) ?? new EpochHistory(tools, folder, []);
  epochs.truncateFrom(end + 1);
  const log = new Log({
    tools,
    partitionName: parts.partitionName,
    settings: parts.settings,
    list,
    ledger,
    epochs,
    start,
    end,
    recoveryPoint,
    cleanedOffset: parts.cleanedOffset,
  });
  log.beginEpoch(Math.max(parts.leaderEpoch, epochs.latest, 0));
  log.syncNames();
  return log;
}

function recover(parts: OpenLogParts, recoveryPoint: number, writtenOffset: number): number {
  return recoverPartition(parts.tools, {
    folder: parts.folder,
    partitionName: parts.partitionName,
    recoveryPoint,
    writtenOffset,
    indexIntervalBytes: parts.settings.indexIntervalBytes,
    isCompacted: parts.settings.isCompacted,
    cleanedOffset: parts.cleanedOffset,
    isSynced: parts.settings.isSyncedBeforeAck,
    nowMs: parts.nowMs,
  }).recoveryPoint;
}

/** The next offset, from the last index entry and the headers behind it; -1 when those are no whole batches. */
function endOffset(tools: StorageTools, segments: readonly Segment[]): number {
  const active = segments.at(-1);
  if (active === undefined) return 0;
  if (active.sizeBytes === 0) return active.baseOffset;
  const from = active.offsets.lastPosition;
  const walk = tools.walk;
  walk.begin(tools.files.use(active.log), from, active.sizeBytes);
  while (walk.next());
  return walk.isDamaged || walk.lastOffset < active.baseOffset ? -1 : walk.lastOffset + 1;
}

/** The folder must be this topic's own; a new one is marked as such. */
function claimFolder(parts: OpenLogParts): void {
  const { tools, folder, topicId } = parts;
  const found = readTopicId(tools.disk, folder);
  if (found === topicId) return;
  if (found !== null) {
    throw new Fault(
      'PB_DATA_DAMAGED',
      `${folder} belongs to topic id ${found}, not ${topicId}; move the folder away and start again`,
    );
  }
  writeSmallFile(tools, `${folder}/${PARTITION_METADATA_FILE}`, formatTopicId(topicId));
}
