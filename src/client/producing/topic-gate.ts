/**
 * Records of topics whose partitions are not known yet, in the order in which they came. They wait here until the cluster
 * has said how many partitions there are, and go on together; or fail together when the topic cannot be had.
 */
import { isRetriable } from '../../protocol/errors.ts';
import { AnswerError } from '../answer-error.ts';
import { retrying } from '../backoff.ts';
import type { ClusterView, TopicView } from '../metadata.ts';

export interface Pending {
  readonly go: (topic: TopicView) => void;
  readonly fail: (error: unknown) => void;
}

export class TopicGate {
  readonly #cluster: ClusterView;
  readonly #waitMs: number;
  readonly #pending = new Map<string, Pending[]>();
  readonly #changed: () => void;

  constructor(cluster: ClusterView, waitMs: number, changed: () => void) {
    this.#cluster = cluster;
    this.#waitMs = waitMs;
    this.#changed = changed;
  }

  /** What is known, where nobody waits for the topic; null: the caller waits, too. */
  pass(topic: string): TopicView | null {
    return this.#pending.has(topic) ? null : this.#cluster.peek(topic);
  }

  wait(topic: string, pending: Pending): void {
    const line = this.#pending.get(topic);
    if (line !== undefined) {
      line.push(pending);
      return;
    }
    this.#pending.set(topic, [pending]);
    // Both ends of it are handled inside.
    void this.#learn(topic);
  }

  /** Resolves when all that waits now has gone on or failed. */
  async settled(): Promise<void> {
    const ends = [...this.#pending.values()].map(
      (line) => new Promise<void>((resolve) => line.push({ go: () => resolve(), fail: () => resolve() })),
    );
    await Promise.all(ends);
  }

  failAll(error: unknown): void {
    const lines = [...this.#pending.values()];
    this.#pending.clear();
    for (const line of lines) for (const pending of line) pending.fail(error);
    this.#changed();
  }

  async #learn(topic: string): Promise<void> {
    let view: TopicView | null = null;
    let failure: unknown = null;
    try {
      view = await retrying(`topic ${topic}`, { deadlineMs: Date.now() + this.#waitMs }, async () => {
        const code = await this.#cluster.refresh([topic]);
        const known = this.#cluster.peek(topic);
        if (code === 0 && known !== null) return known;
        throw new AnswerError(code, `topic ${topic}`, isRetriable(code) ? null : '');
      });
    } catch (error) {
      failure = error;
    }
    const line = this.#pending.get(topic) ?? [];
    this.#pending.delete(topic);
    for (const pending of line) {
      if (view !== null) pending.go(view);
      else pending.fail(failure);
    }
    this.#changed();
  }
}
