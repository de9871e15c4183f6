/** All that is timed and weighed, made one after the other: some hold hundreds of megabytes while they live. */
import { accessSubjects } from './access-rules.ts';
import { appendSubjects } from './appends.ts';
import { checksumSubjects, compressionSubjects } from './checksums.ts';
import { memorySubjects } from './memory-structures.ts';
import { recordWalkSubjects } from './record-walk.ts';
import type { Subject } from './subject.ts';
import { wireSubjects } from './wire-codecs.ts';

const groups = [
  memorySubjects,
  accessSubjects,
  recordWalkSubjects,
  wireSubjects,
  checksumSubjects,
  appendSubjects,
  compressionSubjects,
];

export interface Wanted {
  /** Comma-separated words of which a subject's name contains one; empty for all. */
  readonly only: string;
  readonly isHotOnly: boolean;
}

export function eachSubject({ only, isHotOnly }: Wanted, measure: (subject: Subject) => void): void {
  const words = only.split(',').filter((word) => word !== '');
  const isWanted = (subject: Subject): boolean =>
    (subject.isHot || !isHotOnly) && (words.length === 0 || words.some((word) => subject.name.includes(word)));
  for (const makeSubjects of groups) {
    for (const subject of makeSubjects()) {
      try {
        if (isWanted(subject)) measure(subject);
      } finally {
        subject.end?.();
      }
    }
  }
}
