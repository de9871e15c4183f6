/**
 * The entry of the threads that compact, loaded by piscina. The first thing such a thread does is to give way to all others,
 * before it loads what it works with: on two cores loading alone would be felt by producers. Told to be pressing, it does not.
 */
import { nurseryWasMade } from '../base/nursery.ts';
import type { GroupCleaned, MapBuilt } from '../storage/compaction.ts';
import { loadNative } from '../zerocopy/native.ts';
import { type CleanGroupTask, type MapTask, PRESSING, type ScrubTask, type TaskOutcome } from './background-tasks.ts';
import { yieldToOthers } from './cleaner-pace.ts';
import type { ScrubOutcome } from './log-scrubber.ts';

nurseryWasMade();
if (!process.argv.includes(PRESSING)) yieldToOthers(loadNative().native);
const work = import('./cleaning-work.ts');

export async function buildOffsetMap(task: MapTask): Promise<TaskOutcome<MapBuilt>> {
  return (await work).buildOffsetMap(task);
}

export async function cleanSegments(task: CleanGroupTask): Promise<TaskOutcome<GroupCleaned>> {
  return (await work).cleanSegments(task);
}

export async function scrubSegment(task: ScrubTask): Promise<TaskOutcome<ScrubOutcome>> {
  return (await work).scrubSegment(task);
}
