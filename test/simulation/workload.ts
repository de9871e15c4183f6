/** Who works with the broker of a simulation: which clients, each with random numbers of its own. */
import { Prng } from '../support/prng.ts';
import { caretaker } from './caretaker.ts';
import { ClassicGenerations, classicMember } from './classic-member.ts';
import { committer } from './committer.ts';
import { consumerMember, PartitionOwners } from './consumer-member.ts';
import { GroupOffsets } from './group-offsets.ts';
import { idempotentProducer } from './idempotent-producer.ts';
import { looker } from './looker.ts';
import { passingProducer } from './passing-producer.ts';
import { passingReader } from './passing-reader.ts';
import { plainProducer } from './plain-producer.ts';
import { reader } from './reader.ts';
import { recordDeleter } from './record-deleter.ts';
import { ShareBook } from './share-book.ts';
import { shareMember } from './share-member.ts';
import type { Simulation } from './simulation.ts';
import { transactor } from './transactor.ts';
import { tuner } from './tuner.ts';

export function startWorkload(simulation: Simulation): void {
  const { random } = simulation;
  const own = (): Prng => new Prng(random.nextWord());
  for (let index = 0; index < 1 + random.nextInt(2); index++) {
    const prng = own();
    simulation.spawn(`plain-${index}`, () => plainProducer(simulation, `plain-${index}`, prng));
  }
  for (let index = 0; index < 1 + random.nextInt(2); index++) {
    const prng = own();
    simulation.spawn(`idempotent-${index}`, () => idempotentProducer(simulation, `idempotent-${index}`, prng));
  }
  for (let index = 0; index < 1 + random.nextInt(2); index++) {
    const prng = own();
    simulation.spawn(`reader-${index}`, () => reader(simulation, `reader-${index}`, prng));
  }
  for (let index = 0; index < random.nextInt(3); index++) {
    const prng = own();
    simulation.spawn(`transactor-${index}`, () => transactor(simulation, `transactor-${index}`, prng));
  }
  if (random.nextBoolean()) {
    const prng = own();
    simulation.spawn('committer', () => committer(simulation, 'committer', prng));
  }
  if (random.nextBoolean()) startGroup(simulation, random.nextBoolean(), own);
  if (random.nextBoolean()) {
    const prng = own();
    simulation.spawn('deleter', () => recordDeleter(simulation, prng));
  }
  if (random.nextInt(4) === 0) {
    const shares = new ShareBook(simulation, 'sharers');
    const topic = simulation.topics.named('orders');
    for (let index = 0; index < 2; index++) {
      const prng = own();
      simulation.spawn(`sharer-${index}`, () => shareMember(simulation, shares, topic, `sharer-${index}`, prng));
    }
  }
  if (random.nextInt(3) === 0) {
    const prng = own();
    simulation.spawn('looker', () => looker(simulation, prng));
  }
  if (random.nextInt(3) === 0) {
    const prng = own();
    simulation.spawn('tuner', () => tuner(simulation, prng));
  }
  if (simulation.profile.hasPassing) startPassing(simulation, own);
}

/** Topics that come and go, and clients of them. */
function startPassing(simulation: Simulation, own: () => Prng): void {
  const ofCaretaker = own();
  const ofProducer = own();
  const ofReader = own();
  simulation.spawn('caretaker', () => caretaker(simulation, ofCaretaker));
  simulation.spawn('passing-producer', () => passingProducer(simulation, 'passing-producer', ofProducer));
  simulation.spawn('passing-reader', () => passingReader(simulation, ofReader));
}

/** Members come and go; together they know what none of them may be told. */
function startGroup(simulation: Simulation, isClassic: boolean, own: () => Prng): void {
  const offsets = new GroupOffsets(simulation, 'team', simulation.topics.named('orders'));
  const generations = new ClassicGenerations(offsets);
  const owners = new PartitionOwners(simulation, offsets);
  for (let index = 0; index < 3; index++) {
    const prng = own();
    const name = `member-${index}`;
    simulation.spawn(name, () =>
      isClassic
        ? classicMember(simulation, offsets, generations, prng)
        : consumerMember(simulation, offsets, owners, name, prng),
    );
  }
}
