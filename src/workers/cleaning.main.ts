/**
 * The entry of the threads that compact, loaded by piscina. The first thing such a thread does is to take the lowest priority,
 * before it loads what it works with: on two cores loading alone would be felt by producers.
 */
import type { GroupCleaned, MapBuilt } from '../storage/compaction.ts';
import type { CleanGroupTask, MapTask, TaskOutcome } from './background-tasks.ts';
import { yieldToOthers } from './cleaner-pace.ts';

yieldToOthers();
const work = import('./cleaning-work.ts');

export async function buildOffsetMap(task: MapTask): Promise<TaskOutcome<MapBuilt>> {
  return (await work).buildOffsetMap(task);
}

export async function cleanSegments(task: CleanGroupTask): Promise<TaskOutcome<GroupCleaned>> {
  return (await work).cleanSegments(task);
}
