/**
 * The desk as the fronts' control ports see it: what it answers is known before the catalog is open. The doors open after
 * it, so no request meets it closed.
 */
import { must } from '../base/assert.ts';
import type { ConnectionFacts } from '../net/control-lane.ts';
import type { LoginReply, ProduceVerdict } from '../net/control-port.ts';
import type { Identity } from '../net/identity.ts';
import type { RequestDesk } from '../net/start-front.ts';
import { Registry } from '../protocol/registry.ts';
import { produce } from '../protocol/schemas/00-produce.ts';
import { fetch } from '../protocol/schemas/01-fetch.ts';
import { listOffsets } from '../protocol/schemas/02-list-offsets.ts';
import { offsetForLeaderEpoch } from '../protocol/schemas/23-offset-for-leader-epoch.ts';
import type { ControlPlane } from './control-plane.ts';
import { controlHandlers } from './control-table.ts';
import { factsOf } from './define.ts';

/** Answered by the fronts. */
export const DATA_APIS = [produce, fetch, listOffsets, offsetForLeaderEpoch];

export class OpeningDesk implements RequestDesk {
  readonly ranges: RequestDesk['ranges'];
  readonly flexibleSince: RequestDesk['flexibleSince'];
  readonly throttleSince: RequestDesk['throttleSince'];
  private plane: ControlPlane | null = null;
  private readonly backlogs: (() => number)[] = [];

  constructor() {
    const registry = new Registry([...controlHandlers.map((handler) => handler.api), ...DATA_APIS]);
    this.ranges = registry.ranges;
    this.flexibleSince = registry.flexibleSince;
    this.throttleSince = registry.throttleSince;
  }

  open(plane: ControlPlane): void {
    this.plane = plane;
    plane.backlogBytes = () => this.backlogs.reduce((sum, backlogBytes) => sum + backlogBytes(), 0);
  }

  answer(frame: Uint8Array, facts: ConnectionFacts): Promise<Uint8Array | null> {
    return must(this.plane, 'the doors open after the desk').desk.handleFrame(frame, factsOf(facts));
  }

  login(frame: Uint8Array, facts: ConnectionFacts): Promise<LoginReply> {
    return must(this.plane?.logins ?? null, 'the doors open after the desk').take(frame, facts);
  }

  verify(body: Uint8Array, version: number, identity: Identity): Promise<ProduceVerdict> {
    return must(this.plane, 'the doors open after the desk').verifier.verify(body, version, identity);
  }

  connectionClosed(connection: number): void {
    this.plane?.connectionClosed(connection);
  }

  useBacklog(backlogBytes: () => number): void {
    this.backlogs.push(backlogBytes);
  }
}
