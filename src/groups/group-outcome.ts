/**
 * What a decision about a consumer group comes to: records that change it (and are to be written), an answer, and effects
 * for whoever owns clocks and work. Decisions are pure; `consumer-groups.ts` carries the outcome out.
 */
import type { ConsumerGroupRecord } from './consumer-group-record.ts';
import type { ConsumerMember } from './consumer-member.ts';

export type GroupEffect =
  /** Fence the member when it is not heard of for so long. Starts anew. */
  | { readonly kind: 'session'; readonly memberId: string; readonly delayMs: number }
  /** Fence the member when it is still at this epoch then, for it did not give up its partitions. Starts anew. */
  | { readonly kind: 'revocation'; readonly memberId: string; readonly epoch: number; readonly delayMs: number }
  | { readonly kind: 'revocation-over'; readonly memberId: string }
  /** Fence a member of the classic protocol that does not join again in time. Goes on if it runs. */
  | { readonly kind: 'join'; readonly memberId: string; readonly delayMs: number }
  | { readonly kind: 'join-over'; readonly memberId: string }
  /** Fence a member of the classic protocol that joined and does not ask for its assignment. Starts anew. */
  | { readonly kind: 'sync'; readonly memberId: string; readonly delayMs: number }
  | { readonly kind: 'sync-over'; readonly memberId: string }
  /** No timer of this member matters any more. */
  | { readonly kind: 'member-gone'; readonly memberId: string }
  /** The metadata hash was made from today's topics. */
  | { readonly kind: 'metadata-fresh' }
  /** Look up what these patterns stand for, unless that is under way. */
  | { readonly kind: 'resolve'; readonly patterns: readonly string[] };

/** The last member of the newer protocol goes: the others go on as a classic group. */
export interface Downgrade {
  readonly leaving: readonly ConsumerMember[];
  /** A member of the classic protocol that takes the place of a static member of the newer one. */
  readonly joining: ConsumerMember | null;
  readonly needsRebalance: boolean;
}

export interface Outcome<Answer> {
  readonly records: readonly ConsumerGroupRecord[];
  readonly effects: readonly GroupEffect[];
  readonly answer: Answer;
  readonly downgrade: Downgrade | null;
}

/** Records and effects as they come up; used within one decision. */
export interface GroupChange {
  readonly records: ConsumerGroupRecord[];
  readonly effects: GroupEffect[];
}

export function newChange(): GroupChange {
  return { records: [], effects: [] };
}

export function outcomeOf<Answer>({ records, effects }: GroupChange, answer: Answer): Outcome<Answer> {
  return { records, effects, answer, downgrade: null };
}
