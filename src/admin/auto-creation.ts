/**
 * Creates topics that clients asked for in Metadata without creating them, when the broker's settings allow it. The
 * client is answered at once and asks again; creation goes on in the background, once for each topic however many ask.
 */
import { isInternalTopic } from '../cluster/catalog.ts';
import type { Controller } from '../cluster/controller.ts';
import { errorCode } from '../protocol/errors.ts';
import type { MutationAllowance } from './mutation-quotas.ts';
import { createTopics, refusalOfName, type TopicWish } from './topics.ts';

/** Auto-creation waits in the controller's queue; more than this at once is a client gone wild. */
const AUTO_CREATIONS_MAX = 1000;

export class AutoCreation {
  private readonly controller: Controller;
  private readonly pending = new Set<string>();
  /** Called with the sentence of a topic that could not be created. */
  private readonly onProblem: (message: string) => void;

  constructor(controller: Controller, onProblem: (message: string) => void) {
    this.controller = controller;
    this.onProblem = onProblem;
  }

  /** What to answer for the topic at this moment: it never exists yet when this returns. */
  begin(names: readonly string[], allowance: MutationAllowance): Map<string, number> {
    const answers = new Map<string, number>();
    const fresh: TopicWish[] = [];
    for (const name of names) {
      const refusal = refusalOfName(name, this.controller.catalog);
      const isFull = this.pending.size >= AUTO_CREATIONS_MAX;
      if (refusal !== null && refusal.errorCode !== errorCode.TOPIC_ALREADY_EXISTS) {
        answers.set(name, errorCode.INVALID_TOPIC_EXCEPTION);
      } else if (isInternalTopic(name) || isFull) {
        answers.set(name, errorCode.UNKNOWN_TOPIC_OR_PARTITION);
      } else {
        answers.set(name, errorCode.LEADER_NOT_AVAILABLE);
        if (refusal === null && !this.pending.has(name)) {
          this.pending.add(name);
          fresh.push({ name, partitionCount: -1, replicationFactor: -1, assignments: [], configs: [] });
        }
      }
    }
    if (fresh.length > 0) void this.create(fresh, allowance);
    return answers;
  }

  /** Never rejects: whoever asked has long been answered. */
  private async create(wishes: readonly TopicWish[], allowance: MutationAllowance): Promise<void> {
    try {
      for (const { name, refusal } of await createTopics(this.controller, wishes, { isOnlyCheck: false, allowance })) {
        const isRace = refusal?.errorCode === errorCode.TOPIC_ALREADY_EXISTS;
        if (refusal !== null && !isRace) this.onProblem(`the topic '${name}' could not be created: ${refusal.message}`);
      }
    } catch (error) {
      this.onProblem(`topics could not be created: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      for (const { name } of wishes) this.pending.delete(name);
    }
  }
}
