/**
 * Opens a partition's log from its folder, or begins a new one. After a clean stop (or after `recovery` has passed over the
 * folder) it scans nothing: it lists the folder, reads the ends of the newest indexes, one snapshot and the epochs. Told
 * that the stop was not clean, or finding out, it lets `recovery` put the folder in order first.
 */
import { Fault } from '../base/fault.ts';
import { boundUnknownGaps, readBound } from './compaction-bound.ts';
import { collectEpochs, EpochHistory } from './epoch-history.ts';
import { EPOCHS_FILE, PARTITION_METADATA_FILE } from './file-names.ts';
import { promisesDevice } from './flush-policy.ts';
import { FoundChain } from './found-chain.ts';
import { Log } from './log.ts';
import type { LogSettings } from './log-settings.ts';
import { listSegments } from './partition-files.ts';
import { formatTopicId, readTopicId } from './partition-metadata.ts';
import { ProducerLedger } from './producer-ledger.ts';
import { loadLedger } from './producer-replay.ts';
import { recoverPartition, unreadable } from './recovery.ts';
import { Segment } from './segment.ts';
import { SegmentList } from './segment-list.ts';
import { writeSmallFile } from './small-file.ts';
import type { StorageTools } from './storage-tools.ts';

/** What `new-partition` has just made: nothing of it needs a look. */
export type BeginLogParts = Pick<
  OpenLogParts,
  'tools' | 'folder' | 'partitionName' | 'settings' | 'leaderEpoch' | 'nowMs'
>;

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
  /** Nobody knows up to where it was compacted. */
  readonly mayHaveGaps?: boolean;
  readonly nowMs: number;
}

/** Costs no call of the system. */
export function beginLog({ tools, folder, partitionName, settings, leaderEpoch, nowMs }: BeginLogParts): Log {
  return new Log({
    tools,
    partitionName,
    settings,
    list: new SegmentList(tools, folder, [Segment.empty(tools, folder, 0, nowMs)], 0),
    ledger: new ProducerLedger(),
    epochs: new EpochHistory(tools, folder, [{ epoch: leaderEpoch, startOffset: 0 }]),
    start: 0,
    end: 0,
    recoveryPoint: 0,
    cleanedOffset: 0,
    gapsBelow: 0,
  });
}

/** Throws Fault when the folder cannot be opened. */
export function openLog(parts: OpenLogParts): Log {
  const { tools, folder, settings, nowMs } = parts;
  if (tools.disk.stat(folder) === null) tools.disk.makeFolder(folder);
  claimFolder(parts);
  let recoveryPoint = parts.recoveryPoint;
  if (!parts.isClean) recoveryPoint = recover(parts, recoveryPoint, parts.writtenOffset);
  let segments = listSegments(tools, folder, nowMs);
  const gapsBelow = gapsBelowIn(parts);
  const found = endOf(tools, segments, parts.isClean ? recoveryPoint : -1, gapsBelow);
  let end = found.offset;
  const isEndLost = found.isLost;
  if (end < 0) {
    tools.logger.warn(`${parts.partitionName} was said to be closed well but ends in damaged bytes; it is recovered`);
    recoveryPoint = recover(parts, recoveryPoint, -1);
    segments = listSegments(tools, folder, nowMs);
    end = Math.max(endOf(tools, segments, -1, gapsBelow).offset, segments.at(-1)?.baseOffset ?? 0);
  }
  // Its last batches are lost or damaged: what is written from now on must not lie behind them, where it could pass for their end.
  if (segments.length > 0 && isEndLost) segments.push(Segment.create(tools, folder, end, 0, nowMs));
  if (segments.length === 0) segments.push(Segment.create(tools, folder, parts.logStartOffset, 0, nowMs));
  const list = new SegmentList(tools, folder, segments, recoveryPoint);
  const start = Math.max(parts.logStartOffset, segments[0]!.baseOffset);
  if (start > end) {
    // Deleted up to an offset that the log, cut by recovery, no longer reaches: offsets must never be given out twice.
    list.restartAt(start, nowMs);
    end = start;
  }
  if (settings.isCompacted && parts.mayHaveGaps === true) boundUnknownGaps(tools.disk, folder, end);
  const ledger = ledgerUpTo(end, parts, list);
  const epochs = EpochHistory.read(tools, folder) ?? epochsOfBatches(parts, list.items);
  epochs.truncateFrom(end + 1);
  const log = new Log({
    tools,
    partitionName: parts.partitionName,
    settings,
    list,
    ledger,
    epochs,
    start,
    end,
    recoveryPoint,
    cleanedOffset: parts.cleanedOffset,
    gapsBelow,
  });
  log.beginEpoch(Math.max(parts.leaderEpoch, epochs.latest, 0));
  log.syncNames();
  return log;
}

function ledgerUpTo(end: number, { tools, folder, nowMs }: OpenLogParts, list: SegmentList): ProducerLedger {
  const ledger = new ProducerLedger();
  if (loadLedger(tools, folder, list.items, end, ledger, nowMs)) return ledger;
  if (tools.walk.readError < 0) throw unreadable(folder, tools.walk.position, tools.walk.readError);
  throw new Fault('PB_DATA_DAMAGED', `${folder} has batches that cannot be read; restore it, or delete the topic`);
}

/** The file is lost, which costs a walk over the batches' headers. */
function epochsOfBatches({ tools, folder, partitionName }: OpenLogParts, segments: readonly Segment[]): EpochHistory {
  const epochs = new EpochHistory(tools, folder, []);
  const hasBatches = segments.some((segment) => segment.sizeBytes > 0);
  if (!hasBatches) return epochs;
  tools.logger.warn(
    `${folder}/${EPOCHS_FILE} is missing or damaged; the epochs of ${partitionName} are read from its batches`,
  );
  collectEpochs(tools, segments, epochs);
  return epochs;
}

/** A compaction that did not come to its end has left gaps that no checkpoint knows of. */
function gapsBelowIn({ tools, folder, settings, mayHaveGaps, cleanedOffset }: OpenLogParts): number {
  if (settings.isCompacted || mayHaveGaps === true) return Number.POSITIVE_INFINITY;
  return Math.max(cleanedOffset, readBound(tools.disk, folder).gapsBelow);
}

function recover(parts: OpenLogParts, recoveryPoint: number, writtenOffset: number): number {
  return recoverPartition(parts.tools, {
    folder: parts.folder,
    partitionName: parts.partitionName,
    recoveryPoint,
    writtenOffset,
    indexIntervalBytes: parts.settings.indexIntervalBytes,
    mayHaveGaps: parts.mayHaveGaps === true,
    cleanedOffset: parts.cleanedOffset,
    isSynced: promisesDevice(parts.settings),
    isFlushShared: false,
    nowMs: parts.nowMs,
  }).recoveryPoint;
}

interface FoundEnd {
  /** The next offset; -1: nobody says, since the log ends in damaged bytes. */
  readonly offset: number;
  /** It was flushed further than its batches reach. */
  readonly isLost: boolean;
}

/**
 * From the last index entry and the batches behind it. Where the last of them is damaged or gone the recovery point says it:
 * those offsets were given out and flushed, and are not given out again.
 */
function endOf(tools: StorageTools, segments: readonly Segment[], recoveryPoint: number, gapsBelow: number): FoundEnd {
  const active = segments.at(-1);
  if (active === undefined) return { offset: 0, isLost: false };
  const chain = new FoundChain(tools);
  const found = chain.endOf(active, gapsBelow);
  const { readError } = tools.chainWalk;
  if (!found.isSound && readError < 0) throw unreadable(active.log.path, chain.damagedAt, readError);
  if (recoveryPoint <= found.endOffset) return { offset: found.isSound ? found.endOffset : -1, isLost: false };
  tools.logger.warn(
    `${active.log.path} ends at offset ${found.endOffset}, though the log was flushed up to ${recoveryPoint}; the offsets between are lost and answered with CORRUPT_MESSAGE, read on behind`,
  );
  return { offset: recoveryPoint, isLost: true };
}

/** The folder must be this topic's own; a new one is marked as such. */
function claimFolder(parts: OpenLogParts): void {
  const { tools, folder, topicId } = parts;
  const found = readTopicId(tools.disk, folder);
  if (found === topicId) return;
  if (found !== null && isRotten(found, topicId)) {
    tools.logger.warn(
      `${folder}/${PARTITION_METADATA_FILE} has one wrong letter in the topic id ${topicId}; it is written anew`,
    );
  } else if (found !== null) {
    throw new Fault(
      'PB_DATA_DAMAGED',
      `${folder} belongs to topic id ${found}, not ${topicId}; move the folder away and start again`,
    );
  }
  writeSmallFile(tools, `${folder}/${PARTITION_METADATA_FILE}`, formatTopicId(topicId));
}

/** Ids are random: two of them that differ in one letter are one id and a rotten bit. */
function isRotten(found: string, expected: string): boolean {
  let different = 0;
  for (let index = 0; index < expected.length; index++) if (found[index] !== expected[index]) different += 1;
  return different === 1;
}
