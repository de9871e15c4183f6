/**
 * What a conformance session writes down: each request it sent and what became of it, in the order of sending. Traces of
 * both brokers are brought to a normal form and compared.
 */
export type Outcome =
  | { readonly kind: 'answer'; readonly body: unknown }
  | { readonly kind: 'closed' }
  | { readonly kind: 'silent' }
  /** An answer that our schema cannot read, or that has bytes left over. */
  | { readonly kind: 'unreadable'; readonly reason: string };

export interface Exchange {
  readonly index: number;
  readonly api: string;
  readonly version: number;
  readonly connection: string;
  /** What was asked, in the words of the schema; `note` says how the bytes were damaged, if they were. */
  readonly request: unknown;
  readonly note: string;
  outcome: Outcome;
}

export interface Trace {
  readonly exchanges: Exchange[];
  /** The script itself could not go on: the answers made no sense to it. */
  failure: string | null;
}
