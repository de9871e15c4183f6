/** What groups want to know of topics. The catalog answers in the broker; tests answer with a map. */
export interface TopicView {
  /** Rises when topics come, grow or go. */
  readonly version: number;
  names(): Iterable<string>;
  /** Null where there is no such topic. */
  idOf(name: string): string | null;
  nameOf(topicId: string): string | null;
  /** 0 where there is no such topic. */
  partitionCountOf(topicId: string): number;
}
