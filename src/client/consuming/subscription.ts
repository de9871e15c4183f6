/**
 * What a program subscribes to, and which topics that means at the moment: names as they are, a RegExp matched here, or a
 * pattern matched by the broker where the group's protocol can do that. Looks again now and then, because topics come, go
 * and grow; more often while a subscribed topic is missing.
 */
import type { ClusterView } from '../metadata.ts';
import type { Interest } from './group-member.ts';

/** `pattern` is matched against whole names, by a broker that can do so in its own dialect (RE2). */
export type Subscription = string | readonly string[] | RegExp | { readonly pattern: string };

const MISSING_RETRY_MS = 1000;

export class SubscriptionWatch {
  readonly #cluster: ClusterView;
  readonly #subscription: Subscription;
  readonly #brokerMatches: boolean;
  readonly #ageMsMax: number;
  #lookAtMs = 0;
  #seen: string | null = null;
  #interest: Interest = { topics: [], pattern: null };

  constructor(cluster: ClusterView, subscription: Subscription, brokerMatches: boolean, ageMsMax: number) {
    this.#cluster = cluster;
    this.#subscription = subscription;
    this.#brokerMatches = brokerMatches;
    this.#ageMsMax = ageMsMax;
  }

  get interest(): Interest {
    return this.#interest;
  }

  get lookAtMs(): number {
    return this.#lookAtMs;
  }

  /** True when topics or their partitions are others than at the last look; always true at the first. */
  async look(nowMs: number): Promise<boolean> {
    this.#lookAtMs = nowMs + this.#ageMsMax;
    const { topics, pattern, isWhole } = await this.#resolve();
    if (!isWhole) this.#lookAtMs = nowMs + Math.min(MISSING_RETRY_MS, this.#ageMsMax);
    const counts = topics.map((name) => `${name} ${this.#cluster.peek(name)?.partitions.length ?? 0}`);
    const seen = JSON.stringify([counts, pattern]);
    if (seen === this.#seen) return false;
    this.#seen = seen;
    this.#interest = { topics, pattern };
    return true;
  }

  async #resolve(): Promise<Interest & { readonly isWhole: boolean }> {
    const subscription = this.#subscription;
    if (isPattern(subscription) && this.#brokerMatches)
      return { topics: [], pattern: subscription.pattern, isWhole: true };
    const matches = matcherOf(subscription);
    if (matches !== null) {
      const all = await this.#cluster.allTopics();
      const topics = all.filter(({ name, isInternal }) => !isInternal && matches(name)).map(({ name }) => name);
      return { topics, pattern: null, isWhole: true };
    }
    const topics = namesOf(subscription);
    await this.#cluster.refresh(topics);
    return { topics, pattern: null, isWhole: topics.every((name) => this.#cluster.peek(name) !== null) };
  }
}

function isPattern(subscription: Subscription): subscription is { readonly pattern: string } {
  return typeof subscription === 'object' && 'pattern' in subscription;
}

function matcherOf(subscription: Subscription): ((name: string) => boolean) | null {
  if (subscription instanceof RegExp) {
    const expression = new RegExp(subscription.source, subscription.flags.replace(/[gy]/g, ''));
    return (name) => expression.test(name);
  }
  if (!isPattern(subscription)) return null;
  const expression = new RegExp(`^(?:${subscription.pattern})$`);
  return (name) => expression.test(name);
}

function namesOf(subscription: Subscription): string[] {
  if (typeof subscription === 'string') return [subscription];
  return isNames(subscription) ? [...new Set(subscription)] : [];
}

function isNames(subscription: Subscription): subscription is readonly string[] {
  return Array.isArray(subscription);
}
