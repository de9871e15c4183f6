/**
 * How the admin's areas reach brokers: the controller, a partition's leader, a group's coordinator, one broker or all of
 * them; with a deadline for each call and another try where that may help. It knows no API.
 */
import { AnswerError } from '../answer-error.ts';
import { retrying } from '../backoff.ts';
import type { Connection } from '../connection.ts';
import type { CoordinatorFinder, CoordinatorKind } from '../coordinator-finder.ts';
import type { BrokerView, ClusterView } from '../metadata.ts';

/** Calls about many things answer for each: `error` is null where it was done. They throw only when nobody answered. */
export interface Outcome {
  readonly error: AnswerError | null;
}

/** For callers to whom one failure is a failure of all. */
export function demand<T extends Outcome>(outcomes: readonly T[]): readonly T[] {
  for (const { error } of outcomes) if (error !== null) throw error;
  return outcomes;
}

export function errorOf(code: number, what: string, detail: string | null): AnswerError | null {
  return code === 0 ? null : new AnswerError(code, what, detail);
}

export class AdminRequests {
  readonly cluster: ClusterView;
  readonly coordinators: CoordinatorFinder;
  readonly timeoutMs: number;

  constructor(cluster: ClusterView, coordinators: CoordinatorFinder, timeoutMs: number) {
    this.cluster = cluster;
    this.coordinators = coordinators;
    this.timeoutMs = timeoutMs;
  }

  toAny<T>(what: string, ask: (connection: Connection) => Promise<T>): Promise<T> {
    return this.#tryUntil(what, async () => ask(await this.cluster.anyConnection()));
  }

  toController<T>(what: string, ask: (connection: Connection) => Promise<T>): Promise<T> {
    return this.#tryUntil(what, async () => ask(await this.cluster.controllerConnection()));
  }

  toNode<T>(what: string, nodeId: number, ask: (connection: Connection) => Promise<T>): Promise<T> {
    return this.#tryUntil(what, async () => ask(await this.cluster.nodeConnection(nodeId)));
  }

  toLeader<T>(topic: string, partition: number, ask: (connection: Connection) => Promise<T>): Promise<T> {
    const deadlineMs = Date.now() + this.timeoutMs;
    const beforeRetry = (): void => this.cluster.forget(topic);
    return retrying(`the leader of ${topic}-${partition}`, { deadlineMs, beforeRetry }, async () =>
      ask(await this.cluster.leaderConnection(topic, partition)),
    );
  }

  toCoordinator<T>(kind: CoordinatorKind, key: string, ask: (connection: Connection) => Promise<T>): Promise<T> {
    return this.coordinators.ask(kind, key, { deadlineMs: Date.now() + this.timeoutMs }, ask);
  }

  /** One answer of each broker of the cluster. */
  async toAll<T>(what: string, ask: (connection: Connection, broker: BrokerView) => Promise<T>): Promise<T[]> {
    await this.#tryUntil(what, () => this.cluster.refresh([]));
    return Promise.all(
      this.cluster.brokers.map((broker) => this.toNode(what, broker.nodeId, (connection) => ask(connection, broker))),
    );
  }

  #tryUntil<T>(what: string, attemptOnce: () => Promise<T>): Promise<T> {
    return retrying(what, { deadlineMs: Date.now() + this.timeoutMs }, attemptOnce);
  }
}
