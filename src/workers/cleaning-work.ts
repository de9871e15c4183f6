/** What a thread that compacts does with its tasks: its own tools, within the budget that came with the task. */
import { isFault } from '../base/fault.ts';
import { createLogger } from '../base/logger.ts';
import { buildMap, type CleaningHelp, cleanGroup, type GroupCleaned, type MapBuilt } from '../storage/compaction.ts';
import type { Finding } from '../storage/finding.ts';
import { GentleDisk } from '../storage/gentle-disk.ts';
import { scrubSegment as scrub } from '../storage/segment-scrub.ts';
import { StorageTools } from '../storage/storage-tools.ts';
import { createCrc32c } from '../zerocopy/crc32c.ts';
import { memoryOf } from '../zerocopy/native.ts';
import type { CleanGroupTask, CleaningTask, MapTask, ScrubTask, TaskOutcome } from './background-tasks.ts';
import { CleanerPace } from './cleaner-pace.ts';
import { createDisk } from './create-disk.ts';
import type { ScrubOutcome } from './log-scrubber.ts';
import { nativeIf } from './thread-native.ts';

const FILES_OPEN_MAX = 64;
/** Of one segment; more say nothing new. */
const FINDINGS_MAX = 100;
let tools: StorageTools | null = null;

export function buildOffsetMap(task: MapTask): TaskOutcome<MapBuilt> {
  return outcomeOf(() => buildMap(toolsFor(task), task.plan, task.wishes, helpFor(task)));
}

export function cleanSegments(task: CleanGroupTask): TaskOutcome<GroupCleaned> {
  return outcomeOf(() => cleanGroup(toolsFor(task), task.group, helpFor(task)));
}

/** What it reads is checked and forgotten; what a start does with damage in it is known: it is kept. */
export function scrubSegment(task: ScrubTask): TaskOutcome<ScrubOutcome> {
  return outcomeOf(() => {
    const native = nativeIf(task.usesNative);
    const { disk, crc } = toolsFor(task);
    const pace = new CleanerPace(task.budget, task.isPressing);
    const gentle = new GentleDisk(disk, (fd, position, length) => void native?.chill(fd, position, length));
    const findings: Finding[] = [];
    const tell = (finding: Finding): void => void (findings.length < FINDINGS_MAX && findings.push(finding));
    const { bytes } = scrub(gentle, crc, task.segment, tell, (count) => pace.spend(count));
    return { bytes, findings };
  });
}

function toolsFor(task: CleaningTask): StorageTools {
  const native = nativeIf(task.usesNative);
  tools ??= new StorageTools({
    disk: createDisk(native),
    crc: createCrc32c(native),
    logger: createLogger({ level: task.logLevel, thread: 'cleaner' }),
    filesOpenMax: FILES_OPEN_MAX,
  });
  return tools;
}

function helpFor(task: CleaningTask): CleaningHelp {
  const native = nativeIf(task.usesNative);
  const pace = new CleanerPace(task.budget, task.isPressing);
  return { pace: (bytes) => pace.spend(bytes), memoryOf: (bytes) => memoryOf(bytes, native) };
}

function outcomeOf<T>(work: () => T): TaskOutcome<T> {
  try {
    return { kind: 'done', result: work() };
  } catch (error) {
    if (!isFault(error)) throw error;
    return { kind: 'fault', code: error.code, message: error.message };
  }
}
