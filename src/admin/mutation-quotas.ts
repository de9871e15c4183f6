/**
 * Quotas on what clients make the controller do (KIP-599): a bucket of partitions to create or delete for everyone who has
 * a `controller_mutation_rate`, filled at that rate, holding what eleven windows give. The request that overdraws it is
 * done; the next one is refused until the bucket is above zero, with the time to wait. Clients too old to know the error get
 * theirs done and are made to wait for it.
 */
import type { Controller } from '../cluster/controller.ts';
import { type Identity, userOf } from '../net/identity.ts';
import { type Quota, QuotaTable } from '../net/quota-table.ts';
import { CLIENT_ID_BYTES_MAX } from '../net/throttle.ts';
import { errorCode } from '../protocol/errors.ts';
import { type Refusal, refuse } from './refusal.ts';

const KEY = 'controller_mutation_rate';
/** Clients choose their ids: what they make us remember is bounded. */
const BUCKETS_MAX = 10_000;
/** What its field holds. */
const THROTTLE_MS_MAX = 2_147_483_647;

interface Bucket {
  tokens: number;
  filledMs: number;
}

/** What one request may do. */
export interface MutationAllowance {
  /** Null: granted, and counted. */
  admit(partitions: number): Refusal | null;
  /** How long the client has to wait after the answer. */
  readonly throttleMs: number;
}

/** Nobody is limited. */
export const UNLIMITED: MutationAllowance = { admit: () => null, throttleMs: 0 };

export class MutationQuotas {
  private readonly nowMs: () => number;
  private table = new QuotaTable([]);
  private burstMs = 0;
  private readonly buckets = new Map<string, Bucket>();

  constructor(controller: Controller, nowMs: () => number) {
    this.nowMs = nowMs;
    controller.observeSettings((catalog, { values }) => {
      this.table = new QuotaTable([...catalog.clientQuotas.values()]);
      this.burstMs = values['controller.quota.window.num'] * values['controller.quota.window.size.seconds'] * 1000;
    });
  }

  /** `isStrict`: the client knows THROTTLING_QUOTA_EXCEEDED. */
  allowanceOf(identity: Identity, clientId: string | null, isStrict: boolean): MutationAllowance {
    const quota = this.table.find(KEY, userOf(identity), (clientId ?? '').slice(0, CLIENT_ID_BYTES_MAX));
    if (quota === null) return UNLIMITED;
    const take = (partitions: number): number => this.take(quota, partitions);
    let isAbove = false;
    return {
      admit(partitions) {
        if (isStrict && take(0) < 0) {
          isAbove = true;
          const message = `the quota of ${quota.bound} partitions created or deleted a second is used up; wait and try again`;
          return refuse(errorCode.THROTTLING_QUOTA_EXCEEDED, message);
        }
        // Whoever can be refused the next time need not wait for having overdrawn.
        if (take(partitions) < 0 && !isStrict) isAbove = true;
        return null;
      },
      get throttleMs() {
        const tokens = isAbove ? take(0) : 0;
        return tokens < 0 ? Math.min(THROTTLE_MS_MAX, Math.round((-tokens / quota.bound) * 1000)) : 0;
      },
    };
  }

  /** What is in the bucket then; below zero it is overdrawn. */
  private take({ bound, shareKey }: Quota, partitions: number): number {
    const nowMs = this.nowMs();
    const full = (bound * this.burstMs) / 1000;
    let bucket = this.buckets.get(shareKey);
    if (bucket === undefined) {
      if (this.buckets.size >= BUCKETS_MAX) this.forget(nowMs);
      bucket = { tokens: full, filledMs: nowMs };
      this.buckets.set(shareKey, bucket);
    }
    const gained = (Math.max(0, nowMs - bucket.filledMs) * bound) / 1000;
    bucket.tokens = Math.min(full, bucket.tokens + gained) - partitions;
    bucket.filledMs = nowMs;
    return bucket.tokens;
  }

  /** Those that nobody used for a whole burst are full again; when there are none, those made first go. */
  private forget(nowMs: number): void {
    for (const [key, bucket] of this.buckets) {
      if (nowMs - bucket.filledMs >= this.burstMs && bucket.tokens >= 0) this.buckets.delete(key);
    }
    for (const key of this.buckets.keys()) {
      if (this.buckets.size < BUCKETS_MAX) return;
      this.buckets.delete(key);
    }
  }
}
