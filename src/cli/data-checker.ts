/**
 * How `log verify` asks for the check of a data folder. The work is done by rooms that know the files (`cluster/data-check`);
 * commands do not see those, so the program hands them in.
 */
export interface DataToVerify {
  readonly root: string;
  /** "orders-0"; empty: all. */
  readonly partitions: readonly string[];
}

export interface Found {
  readonly file: string;
  /** Byte in the file; -1: the file as a whole. */
  readonly position: number;
  /** Offsets that are lost; -1: none are. */
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly problem: string;
  /** What a start would do. */
  readonly outcome: string;
}

export type TellFound = (found: Found, sentence: string) => void;

export interface Verified {
  readonly partitions: number;
  readonly segments: number;
  readonly batches: number;
  readonly bytes: number;
  /** A broker runs on the folder. */
  readonly isLive: boolean;
  readonly isClean: boolean;
}

export type DataChecker = (wish: DataToVerify, tell: TellFound) => Promise<Verified>;
