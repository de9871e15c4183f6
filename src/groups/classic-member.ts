/**
 * A member of a classic group, as its JoinGroup described it. Changed only by the transitions of its group. A ticket
 * stands for a request that waits for its answer; NO_TICKET: none does.
 */
export const NO_TICKET = -1;

export interface ClassicProtocol {
  readonly name: string;
  readonly metadata: Uint8Array;
}

/** What a member says of itself when it joins. */
export interface MemberDescription {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  /** In the order of preference. */
  readonly protocols: readonly ClassicProtocol[];
}

const NO_BYTES = new Uint8Array(0);

export class ClassicMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  rebalanceTimeoutMs: number;
  sessionTimeoutMs: number;
  protocols: readonly ClassicProtocol[];
  assignment: Uint8Array = NO_BYTES;
  /** When the session ends, if nothing is heard. */
  deadlineMs = Number.POSITIVE_INFINITY;
  /** Has not been in a generation yet, so it does not know its id and cannot send heartbeats. */
  isNew = false;
  joinTicket = NO_TICKET;
  syncTicket = NO_TICKET;

  constructor(description: MemberDescription) {
    this.memberId = description.memberId;
    this.instanceId = description.instanceId;
    this.clientId = description.clientId;
    this.clientHost = description.clientHost;
    this.rebalanceTimeoutMs = description.rebalanceTimeoutMs;
    this.sessionTimeoutMs = description.sessionTimeoutMs;
    this.protocols = description.protocols;
  }

  get isAwaitingJoin(): boolean {
    return this.joinTicket !== NO_TICKET;
  }

  get isAwaitingSync(): boolean {
    return this.syncTicket !== NO_TICKET;
  }

  /** A request that waits here shows that the member is there; the first one of a new member shows nothing. */
  get sessionEndMs(): number {
    const isHeardOf = !this.isNew && (this.isAwaitingJoin || this.isAwaitingSync);
    return isHeardOf ? Number.POSITIVE_INFINITY : this.deadlineMs;
  }

  renewSession(nowMs: number): void {
    this.deadlineMs = nowMs + this.sessionTimeoutMs;
  }

  metadataFor(protocolName: string | null): Uint8Array {
    return this.protocols.find(({ name }) => name === protocolName)?.metadata ?? NO_BYTES;
  }

  hasSameProtocols(protocols: readonly ClassicProtocol[]): boolean {
    if (protocols.length !== this.protocols.length) return false;
    return protocols.every((protocol, index) => {
      const mine = this.protocols[index];
      return (
        mine !== undefined && mine.name === protocol.name && Buffer.compare(mine.metadata, protocol.metadata) === 0
      );
    });
  }

  /** The first of its protocols that is among the candidates. */
  vote(candidates: ReadonlySet<string>): string | null {
    return this.protocols.find(({ name }) => candidates.has(name))?.name ?? null;
  }
}
