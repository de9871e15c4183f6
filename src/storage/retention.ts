/**
 * Removes old segments of a log by age and size, oldest first, as `retention.ms` and `retention.bytes` say. Called now and
 * then by whoever owns the log. Age goes by the newest record of a segment, as producers stamped it.
 */
import type { Log } from './log.ts';

/** Segments one call removes at most: unlinking a large file takes the disk a while. */
const REMOVALS_MAX = 16;

/** How many segments went. Throws Fault when files cannot be removed. */
export function applyRetention(log: Log, nowMs: number): number {
  const settings = log.settings;
  if (!settings.isDeleted) return 0;
  let surplus = log.totalBytes - settings.retentionBytesMax;
  let offset = log.watermarks.start;
  let removals = 0;
  for (let index = 0; index < log.segmentCount && removals < REMOVALS_MAX; index++) {
    const bytes = log.segmentBytes(index);
    const newest = log.segmentMaxTimestamp(index);
    const isOld = newest >= 0 && nowMs - newest > settings.retentionMsMax;
    const isSurplus = surplus >= bytes;
    if (bytes === 0 || !(isOld || isSurplus)) break;
    const upper = log.segmentUpperOffset(index);
    if (upper > log.watermarks.high) break;
    // The active segment goes only by age, and leaves an empty one behind.
    if (index === log.segmentCount - 1 && !(isOld && log.roll(nowMs))) break;
    surplus -= bytes;
    offset = upper;
    removals += 1;
  }
  if (removals > 0) log.moveStart(offset);
  return removals;
}
