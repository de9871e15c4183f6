/**
 * Which segments a log no longer has to keep: Kafka's three reasons, each counted from the oldest segment on and going on
 * where the one before it stopped. Pure arithmetic over the segments; `log-upkeep` acts on it.
 *
 *   start   all records lie before the start of the log (DeleteRecords)
 *   size    without the segment the log still holds retention.bytes
 *   time    the largest timestamp is more than retention.ms ago
 *
 * The segment's largest timestamp counts, so a record from the future keeps its segment until that future has passed; the
 * setting message.timestamp.after.max.ms is what keeps such records out. A segment without timestamps counts by when its
 * file was written last.
 */
import type { LogSettings } from './log-settings.ts';
import type { SegmentList } from './segment-list.ts';
import type { Watermarks } from './watermarks.ts';

/** How many of the oldest segments may go; all of them when even the active one, which is not empty, has expired. */
export function expiredCount(list: SegmentList, marks: Watermarks, settings: LogSettings, nowMs: number): number {
  const items = list.items;
  let count = 0;
  while (count < items.length - 1 && list.upperOffset(count) <= marks.start) count += 1;
  if (!settings.isDeleted) return count;
  if (settings.retentionBytesMax !== Number.POSITIVE_INFINITY) {
    let surplus = list.totalBytes - settings.retentionBytesMax;
    for (let index = 0; index < count; index++) surplus -= items[index]!.sizeBytes;
    while (mayGo(list, marks, count) && surplus >= items[count]!.sizeBytes) {
      surplus -= items[count]!.sizeBytes;
      count += 1;
    }
  }
  if (settings.retentionMsMax !== Number.POSITIVE_INFINITY) {
    while (mayGo(list, marks, count) && nowMs - items[count]!.newestMs > settings.retentionMsMax) count += 1;
  }
  return count;
}

/** Nothing at or behind the high watermark goes, and an empty active segment stays. */
function mayGo(list: SegmentList, marks: Watermarks, index: number): boolean {
  const segment = list.items[index];
  if (segment === undefined) return false;
  const upper = list.upperOffset(index);
  if (upper < 0) return segment.sizeBytes > 0 && marks.end <= marks.high;
  return upper <= marks.high;
}
