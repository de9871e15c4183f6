/**
 * Share sessions: which partitions a member of a share group fetches, so that it need not say so every time (KIP-932).
 * A session belongs to a member of a group and lives as long as its connection. Epochs count the requests:
 *
 *     0 opens a session (an older one of the same member ends) │ 1, 2, 3 … go on │ -1 ends it
 *
 * Sessions are only told what requests say; who owns records is known by the partitions.
 */
export const EPOCH_OPENS = 0;
export const EPOCH_ENDS = -1;
const EPOCH_MAX = 2_147_483_647;
/** In all sessions: about 100 MB. */
const PARTITIONS_MAX = 500_000;

export interface TopicPartition {
  /** base64url. */
  readonly topicId: string;
  readonly partition: number;
}

export interface ShareSession {
  readonly groupId: string;
  readonly memberId: string;
  readonly connection: number;
  /** What the next request must carry. */
  nextEpoch: number;
  /** By `topicId:partition`, in the order in which they are served. */
  readonly partitions: Map<string, TopicPartition>;
  isOver: boolean;
}

export type SessionProblem = 'not-found' | 'bad-epoch' | 'too-many';

export type SessionAnswer =
  /** Last: when the request is dealt with, its sender calls `end`. */
  | { readonly kind: 'open' | 'last'; readonly session: ShareSession }
  | { readonly kind: 'refused'; readonly problem: SessionProblem };

export interface SessionRequest {
  readonly groupId: string;
  readonly memberId: string;
  readonly epoch: number;
  readonly connection: number;
  readonly added: readonly TopicPartition[];
  readonly forgotten: readonly TopicPartition[];
}

export class ShareSessions {
  private readonly sessionsMax: () => number;
  private readonly byMember = new Map<string, ShareSession>();
  private readonly byConnection = new Map<number, Set<ShareSession>>();
  /** Of all sessions. */
  private partitionCount = 0;
  /** How many a group has. */
  private readonly byGroup = new Map<string, number>();
  private readonly onEnd: (session: ShareSession) => void;

  /** `onEnd` is called for every session that ends, however it does. */
  constructor(sessionsMax: () => number, onEnd: (session: ShareSession) => void) {
    this.sessionsMax = sessionsMax;
    this.onEnd = onEnd;
  }

  get count(): number {
    return this.byMember.size;
  }

  /** The session of a request that fetches. */
  resume(request: SessionRequest): SessionAnswer {
    const { groupId, memberId, epoch } = request;
    const name = nameOf(groupId, memberId);
    if (epoch === EPOCH_OPENS) return this.open(request, name);
    const session = this.byMember.get(name);
    if (session === undefined) return { kind: 'refused', problem: 'not-found' };
    if (epoch === EPOCH_ENDS) return { kind: 'last', session };
    if (epoch !== session.nextEpoch) return { kind: 'refused', problem: 'bad-epoch' };
    if (this.partitionCount + request.added.length > PARTITIONS_MAX) return { kind: 'refused', problem: 'too-many' };
    const before = session.partitions.size;
    for (const one of request.added) session.partitions.set(partitionName(one), one);
    for (const one of request.forgotten) session.partitions.delete(partitionName(one));
    this.partitionCount += session.partitions.size - before;
    session.nextEpoch = epochAfter(epoch);
    return { kind: 'open', session };
  }

  /** All sessions of a connection that was closed end. */
  closeConnection(connection: number): void {
    for (const session of [...(this.byConnection.get(connection) ?? [])]) this.end(session);
  }

  closeAll(): void {
    for (const session of [...this.byMember.values()]) this.end(session);
  }

  hasGroup(groupId: string): boolean {
    return this.byGroup.has(groupId);
  }

  private open(request: SessionRequest, name: string): SessionAnswer {
    const before = this.byMember.get(name);
    if (before !== undefined) this.end(before);
    const isTooMuch = this.partitionCount + request.added.length > PARTITIONS_MAX;
    if (isTooMuch || this.byMember.size >= this.sessionsMax()) return { kind: 'refused', problem: 'too-many' };
    const session: ShareSession = {
      groupId: request.groupId,
      memberId: request.memberId,
      connection: request.connection,
      nextEpoch: epochAfter(EPOCH_OPENS),
      partitions: new Map(request.added.map((one) => [partitionName(one), one])),
      isOver: false,
    };
    this.byMember.set(name, session);
    this.partitionCount += session.partitions.size;
    this.byGroup.set(session.groupId, (this.byGroup.get(session.groupId) ?? 0) + 1);
    const siblings = this.byConnection.get(session.connection);
    if (siblings === undefined) this.byConnection.set(session.connection, new Set([session]));
    else siblings.add(session);
    return { kind: 'open', session };
  }

  /** Does nothing when it has ended otherwise. */
  end(session: ShareSession): void {
    if (session.isOver) return;
    session.isOver = true;
    this.byMember.delete(nameOf(session.groupId, session.memberId));
    this.partitionCount -= session.partitions.size;
    const siblings = this.byConnection.get(session.connection);
    siblings?.delete(session);
    if (siblings?.size === 0) this.byConnection.delete(session.connection);
    const left = (this.byGroup.get(session.groupId) ?? 1) - 1;
    if (left > 0) this.byGroup.set(session.groupId, left);
    else this.byGroup.delete(session.groupId);
    this.onEnd(session);
  }
}

/** Epochs begin anew at 1, because 0 opens a session. */
function epochAfter(epoch: number): number {
  return epoch === EPOCH_MAX ? 1 : epoch + 1;
}

function partitionName({ topicId, partition }: TopicPartition): string {
  return `${topicId}:${partition}`;
}

/** Member ids have no line feeds that groups' names could borrow: the length says where the name ends. */
function nameOf(groupId: string, memberId: string): string {
  return `${groupId.length}:${groupId}:${memberId}`;
}
