/**
 * A member of a classic group as the bench plays it: a connection of its own, joined with a client that assigns what the
 * bench says, a heartbeat now and then, and commits on demand.
 */
import { Connection } from '../../src/client/connection.ts';
import { offsetCommit } from '../../src/protocol/schemas/08-offset-commit.ts';
import { findCoordinator } from '../../src/protocol/schemas/10-find-coordinator.ts';
import { joinGroup } from '../../src/protocol/schemas/11-join-group.ts';
import { heartbeat } from '../../src/protocol/schemas/12-heartbeat.ts';
import { syncGroup } from '../../src/protocol/schemas/14-sync-group.ts';

export interface MemberPlan {
  readonly host: string;
  readonly port: number;
  readonly groupId: string;
  readonly topic: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
}

const MEMBER_ID_REQUIRED = 79;
const REBALANCE_IN_PROGRESS = 27;
const COMMIT_VERSION = 9;
const FIND_AGAIN_MS = 100;
const NO_BYTES = new Uint8Array(0);

export class Member {
  memberId = '';
  generationId = -1;
  /** Answers that said that the member is no member any more. */
  evictions = 0;
  private readonly plan: MemberPlan;
  private readonly connection: Connection;

  private constructor(plan: MemberPlan, connection: Connection) {
    this.plan = plan;
    this.connection = connection;
  }

  static async connect(plan: MemberPlan): Promise<Member> {
    const connection = await Connection.open({ host: plan.host, port: plan.port, clientId: 'bench' });
    while ((await findGroup(connection, plan.groupId)) !== 0) {
      await new Promise((resolve) => setTimeout(resolve, FIND_AGAIN_MS));
    }
    return new Member(plan, connection);
  }

  /** Resolves when the member has its part of a generation; joins again as long as others come. */
  async settle(): Promise<void> {
    for (;;) {
      const joined = await this.join();
      const isLeader = joined.leader === this.memberId;
      const { groupId } = this.plan;
      const answer = await this.connection.request(syncGroup, {
        groupId,
        generationId: this.generationId,
        memberId: this.memberId,
        protocolType: 'consumer',
        protocolName: 'range',
        assignments: isLeader ? joined.members.map(({ memberId }) => ({ memberId, assignment: NO_BYTES })) : [],
      });
      if (answer.errorCode === 0) return;
      if (answer.errorCode !== REBALANCE_IN_PROGRESS) throw new Error(`SyncGroup was answered ${answer.errorCode}`);
    }
  }

  async beat(): Promise<number> {
    const { groupId } = this.plan;
    const { generationId, memberId } = this;
    const { errorCode } = await this.connection.request(heartbeat, { groupId, generationId, memberId });
    if (errorCode !== 0 && errorCode !== REBALANCE_IN_PROGRESS) this.evictions += 1;
    return errorCode;
  }

  /** Partitions of one commit go up to `count`; answers the worst error code. */
  async commit(partition: number, offset: number, count = 1): Promise<number> {
    const partitions = Array.from({ length: count }, (_, index) => ({
      partitionIndex: partition + index,
      committedOffset: offset,
      committedMetadata: '',
    }));
    const answer = await this.connection.request(
      offsetCommit,
      {
        groupId: this.plan.groupId,
        generationIdOrMemberEpoch: this.generationId,
        memberId: this.memberId,
        topics: [{ name: this.plan.topic, partitions }],
      },
      COMMIT_VERSION,
    );
    return answer.topics[0]?.partitions.find(({ errorCode }) => errorCode !== 0)?.errorCode ?? 0;
  }

  close(): void {
    this.connection.close();
  }

  private async join() {
    for (;;) {
      const { groupId, sessionTimeoutMs, rebalanceTimeoutMs } = this.plan;
      const answer = await this.connection.request(joinGroup, {
        groupId,
        sessionTimeoutMs,
        rebalanceTimeoutMs,
        memberId: this.memberId,
        protocolType: 'consumer',
        protocols: [{ name: 'range', metadata: subscription(this.plan.topic) }],
      });
      this.memberId = answer.memberId;
      this.generationId = answer.generationId;
      if (answer.errorCode === 0) return answer;
      if (answer.errorCode !== MEMBER_ID_REQUIRED) throw new Error(`JoinGroup was answered ${answer.errorCode}`);
    }
  }
}

async function findGroup(connection: Connection, groupId: string): Promise<number> {
  const { coordinators } = await connection.request(findCoordinator, { keyType: 0, coordinatorKeys: [groupId] });
  return coordinators[0]?.errorCode ?? 0;
}

function subscription(topic: string): Uint8Array {
  const name = Buffer.from(topic);
  const bytes = Buffer.alloc(2 + 4 + 2 + name.length + 4);
  bytes.writeInt32BE(1, 2);
  bytes.writeInt16BE(name.length, 6);
  name.copy(bytes, 8);
  bytes.writeInt32BE(-1, 8 + name.length);
  return bytes;
}
