/** What a front found out about an identity's rights, kept where the next request of the same client finds it. */
import type { Topic } from './route-table.ts';

/** What is known of one identity under one set of rules; connections of the same identity share it. */
export class IdentityRights {
  readonly principal: string;
  readonly host: string;
  readonly epoch: number;
  /** Bits of operations, by topic. */
  readonly topics = new Map<Topic, number>();

  constructor(principal: string, host: string, epoch: number) {
    this.principal = principal;
    this.host = host;
    this.epoch = epoch;
  }
}
