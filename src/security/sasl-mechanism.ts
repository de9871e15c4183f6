/**
 * What a SASL mechanism is to the login of a connection: it begins a conversation, which takes the client's tokens one by
 * one and ends with a name or a refusal. Conversations know no connection, no clock and no wire format.
 */

export type SaslStep =
  /** The client speaks next. */
  | { readonly kind: 'challenge'; readonly token: Uint8Array }
  | {
      readonly kind: 'done';
      readonly token: Uint8Array;
      readonly user: string;
      /** When what the client has shown stops being valid; null: never. */
      readonly expiresMs: number | null;
    }
  /** The sentence for the client, or null: the one that says nothing about why. */
  | {
      readonly kind: 'refused';
      readonly message: string | null;
      /** For the log, where that is more than what the client is told. Never anything secret. */
      readonly reason: string | null;
    };

export interface SaslConversation {
  /** Never throws and never rejects because of what the client sent. */
  take(token: Uint8Array): SaslStep | Promise<SaslStep>;
}

export interface SaslMechanism {
  /** As clients name it: `PLAIN`, `SCRAM-SHA-256`. */
  readonly name: string;
  begin(): SaslConversation;
}

export const NO_TOKEN = new Uint8Array(0);
/** Whoever guesses learns nothing from it. */
export const REFUSED: SaslStep = { kind: 'refused', message: null, reason: null };

export function refusedSaying(message: string): SaslStep {
  return { kind: 'refused', message, reason: null };
}
