/** What a check of files came upon: which file, where, what is wrong, and what the next start would do about it. */
export interface Finding {
  readonly file: string;
  /** Byte in the file; -1 when it is about the file as a whole. */
  readonly position: number;
  /** Offsets that are lost, from and up to; -1 when none are. */
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly problem: string;
  /** What a start of the broker does with it. */
  readonly outcome: string;
}

export type TellFinding = (finding: Finding) => void;

/** About a file as a whole, without records at stake. */
export function fileFinding(file: string, problem: string, outcome: string): Finding {
  return { file, position: -1, firstOffset: -1, lastOffset: -1, problem, outcome };
}

export function sentenceOf({ file, position, firstOffset, lastOffset, problem, outcome }: Finding): string {
  const place = position < 0 ? '' : ` at byte ${position}`;
  const offsets =
    firstOffset < 0
      ? ''
      : firstOffset >= lastOffset
        ? ` (offset ${firstOffset})`
        : ` (offsets ${firstOffset} to ${lastOffset})`;
  return `${file}${place}: ${problem}${offsets}; ${outcome}`;
}
