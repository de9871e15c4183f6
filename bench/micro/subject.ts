/** One thing that is timed and whose garbage is counted: called over and over, many operations a call. */
export interface Subject {
  readonly name: string;
  readonly operations: number;
  /** Every batch, job or request passes through it: it must make nothing that has to be collected. */
  readonly isHot: boolean;
  run(): void;
  /** Gives back what the subject holds: files, channels. */
  end?(): void;
}
