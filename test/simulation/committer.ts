/** Commits offsets for a group without members and asks for them; see `group-offsets` for what must hold. */
import { offsetCommit } from '../../src/protocol/schemas/08-offset-commit.ts';
import { findCoordinator } from '../../src/protocol/schemas/10-find-coordinator.ts';
import type { Prng } from '../support/prng.ts';
import { manners, mayComeAgain } from './client-manners.ts';
import { GroupOffsets } from './group-offsets.ts';
import { LinkBroken, type SimulatedLink } from './simulated-link.ts';
import type { Simulation } from './simulation.ts';
import { demand } from './violation.ts';

/** Who commits: a member of a generation, or nobody's. */
export interface CommitClaim {
  readonly memberId: string;
  readonly epoch: number;
  readonly version: 8 | 9;
}

const NOBODY: CommitClaim = { memberId: '', epoch: -1, version: 8 };

export async function committer(simulation: Simulation, name: string, random: Prng): Promise<void> {
  const offsets = new GroupOffsets(simulation, name, simulation.topics.named('orders'));
  const partitions = offsets.topic.partitions.map(({ partition }) => partition);
  while (simulation.isRunning) {
    const link = await simulation.connect(manners(random));
    try {
      await link.ask(findCoordinator, 4, { keyType: 0, coordinatorKeys: [name] });
      await offsets.check(link, partitions);
      while (simulation.isRunning && !link.isBroken) {
        if (random.nextInt(4) === 0) await offsets.check(link, partitions);
        else {
          const code = await commit(simulation, link, offsets, partitions, NOBODY, random);
          demand(code === 0 || mayComeAgain(simulation, code), `${name}: a commit is answered with error ${code}`);
        }
        await simulation.pause(random.nextInt(80));
      }
    } catch (error) {
      if (!(error instanceof LinkBroken)) throw error;
    }
    link.break();
  }
}

/** The first error, or 0. */
export async function commit(
  simulation: Simulation,
  link: SimulatedLink,
  offsets: GroupOffsets,
  partitions: readonly number[],
  { memberId, epoch, version }: CommitClaim,
  random: Prng,
): Promise<number> {
  const wishes = partitions.map((partition) => ({ partition, offset: offsets.next(partition, 1 + random.nextInt(3)) }));
  const answer = await link.ask(offsetCommit, version, {
    groupId: offsets.group,
    generationIdOrMemberEpoch: epoch,
    memberId,
    topics: [
      {
        name: offsets.topic.name,
        partitions: wishes.map(({ partition, offset }) => ({
          partitionIndex: partition,
          committedOffset: offset,
          committedMetadata: '',
        })),
      },
    ],
  });
  let code = 0;
  for (const { partitionIndex, errorCode } of answer.topics[0]?.partitions ?? []) {
    const wish = wishes.find(({ partition }) => partition === partitionIndex);
    demand(wish !== undefined, 'only what was committed is answered');
    if (errorCode === 0) offsets.acknowledged(partitionIndex, wish.offset);
    else code = errorCode;
    simulation.book.count(errorCode === 0 ? 'commits acknowledged' : `commit error ${errorCode}`);
  }
  return code;
}
