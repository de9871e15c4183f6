/**
 * When a log goes on in a new segment: the batch at hand would not fit, the offsets or an index are used up, or the segment
 * has reached its age. Asked before every append. Age is judged as Kafka does, at appends only: an idle log keeps its
 * active segment, until retention finds it expired.
 */
import { SEGMENT_BYTES_MAX } from './appender.ts';
import type { LogSettings } from './log-settings.ts';
import { RELATIVE_OFFSET_MAX, type Segment } from './segment.ts';

const FNV_PRIME = 16_777_619;
const FNV_START = 2_166_136_261;

export class SegmentRoll {
  private readonly nameHash: number;

  constructor(partitionName: string) {
    let hash = FNV_START;
    for (let index = 0; index < partitionName.length; index++) {
      hash = Math.imul(hash ^ partitionName.charCodeAt(index), FNV_PRIME);
    }
    this.nameHash = hash;
  }

  /** `bytes`: what the segment has and what is queued for it; not 0. */
  isDue(
    segment: Segment,
    bytes: number,
    length: number,
    lastOffset: number,
    recordMs: number,
    nowMs: number,
    settings: LogSettings,
  ): boolean {
    if (bytes + length > Math.min(settings.segmentBytesMax, SEGMENT_BYTES_MAX)) return true;
    if (lastOffset - segment.baseOffset > RELATIVE_OFFSET_MAX) return true;
    if (segment.ageMs(recordMs, nowMs) > this.ageMsMax(segment.baseOffset, settings)) return true;
    return segment.isIndexFull(settings.segmentIndexBytesMax);
  }

  /** What may wait longest for compaction lies in the active segment, which is not compacted. */
  private ageMsMax(baseOffset: number, settings: LogSettings): number {
    const ageMs = settings.isCompacted
      ? Math.min(settings.segmentMsMax, settings.compactionLagMsMax)
      : settings.segmentMsMax;
    return settings.segmentJitterMsMax === 0 ? ageMs : ageMs - this.jitterMs(baseOffset, ageMs, settings);
  }

  /**
   * The same for a segment each time it is asked, another for the next one and for other partitions. Less than the age: else
   * every append would begin a segment.
   */
  private jitterMs(baseOffset: number, ageMs: number, settings: LogSettings): number {
    let hash = Math.imul(this.nameHash ^ (baseOffset | 0), FNV_PRIME);
    hash = Math.imul(hash ^ (hash >>> 15), FNV_PRIME);
    return (hash >>> 0) % Math.max(1, Math.min(settings.segmentJitterMsMax, ageMs));
  }
}
