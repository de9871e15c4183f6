/**
 * An administrator at work: topics come and go, get partitions and settings. What was acknowledged holds after everything
 * that can happen, the loss of power included, since the catalog is flushed before its answers.
 */
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { metadata } from '../../src/protocol/schemas/03-metadata.ts';
import { createTopics } from '../../src/protocol/schemas/19-create-topics.ts';
import { deleteTopics } from '../../src/protocol/schemas/20-delete-topics.ts';
import { describeConfigs, RESOURCE_TOPIC } from '../../src/protocol/schemas/32-describe-configs.ts';
import { createPartitions } from '../../src/protocol/schemas/37-create-partitions.ts';
import { incrementalAlterConfigs } from '../../src/protocol/schemas/44-incremental-alter-configs.ts';
import type { Prng } from '../support/prng.ts';
import { anyOf, mayComeAgain } from './client-manners.ts';
import { numberedBatch } from './numbered-batches.ts';
import {
  fits,
  type PassedTopic,
  PassingTopic,
  RETENTION,
  RETENTION_MIN_MS,
  surely,
  UNKNOWN_TOPIC,
  UNKNOWN_TOPIC_ID,
} from './passing-topics.ts';
import { deleteSome } from './record-deleter.ts';
import { LinkBroken, type SimulatedLink } from './simulated-link.ts';
import type { Simulation } from './simulation.ts';
import { anySpeech, spoken } from './topic-speech.ts';
import { demand } from './violation.ts';

const ALREADY_EXISTS = 36;
const INVALID_PARTITIONS = 37;
const NAMES = ['scratch-a', 'scratch-b'];

export async function caretaker(simulation: Simulation, random: Prng): Promise<void> {
  const { passing } = simulation.topics;
  for (const name of NAMES) passing.push(new PassingTopic(simulation, name));
  while (simulation.isRunning) {
    const link = await simulation.connect();
    try {
      while (simulation.isRunning && !link.isBroken) {
        const isToLearn = passing.some(
          ({ isInDoubt, retention: { known, perhaps } }) => !isInDoubt && known !== perhaps,
        );
        if (isToLearn || random.nextInt(5) === 0) await check(simulation, link);
        await change(simulation, link, anyOf(random, passing), random);
        await simulation.pause(random.nextInt(30));
      }
    } catch (error) {
      if (!(error instanceof LinkBroken)) throw error;
    }
    link.break();
  }
}

async function change(simulation: Simulation, link: SimulatedLink, topic: PassingTopic, random: Prng): Promise<void> {
  // What is in doubt is left alone until it shows.
  if (topic.isInDoubt) return;
  // A connection that breaks takes no request back: what it asked for may still happen.
  topic.doubt();
  const { current } = topic;
  if (!topic.exists.known || current === null) return await create(simulation, link, topic, random);
  const dice = random.nextInt(12);
  if (dice < 4) return await remove(simulation, link, topic, current, random);
  if (dice === 4) return await removePassed(simulation, link, topic, random);
  if (dice === 5) return await widen(simulation, link, topic);
  if (dice === 6) return await configure(simulation, link, topic, random);
  return await touch(simulation, link, topic, current, random);
}

async function create(simulation: Simulation, link: SimulatedLink, topic: PassingTopic, random: Prng): Promise<void> {
  const { name, exists, partitions, retention } = topic;
  const numPartitions = 1 + random.nextInt(2);
  const value = String(RETENTION_MIN_MS + random.nextInt(1000));
  const isLeft = exists.known;
  topic.exists = { known: isLeft, perhaps: !isLeft };
  topic.partitions = { known: isLeft ? partitions.known : numPartitions, perhaps: numPartitions };
  topic.retention = { known: isLeft ? retention.known : value, perhaps: value };
  topic.creationCount += 1;
  const configs = [{ name: RETENTION, value }];
  const answer = await link.ask(createTopics, 7, {
    topics: [{ name, numPartitions, replicationFactor: 1, assignments: [], configs }],
  });
  const { errorCode: code = -1, topicId = '' } = answer.topics[0] ?? {};
  simulation.note(`create ${name} -> ${code} ${topicId}`);
  checkRefusal(simulation, name, code);
  demand(code !== ALREADY_EXISTS || topic.exists.known, `${name} was deleted, and is said to exist`);
  simulation.book.count(code === 0 ? 'topics created' : `create error ${code}`);
  if (code !== 0) return;
  topic.settle({ exists: surely(true), partitions: surely(numPartitions), retention: surely(value) });
  const made = topic.meet(topicId);
  demand(made === topic.current, `${name} is made under the id of a topic that was deleted`);
  made.isMade = true;
  topic.grow(made, numPartitions, simulation.history.life);
}

/** By name or by id; often another is made under the name at once. */
async function remove(
  simulation: Simulation,
  link: SimulatedLink,
  topic: PassingTopic,
  current: PassedTopic,
  random: Prng,
): Promise<void> {
  const { name } = topic;
  topic.exists = { known: true, perhaps: false };
  current.isLeaving = true;
  const which = random.nextBoolean() ? { name } : { topicId: current.id };
  const deleting = link.ask(deleteTopics, 6, { topics: [which], timeoutMs: 1000 });
  const creating = random.nextInt(3) > 0 ? create(simulation, link, topic, random) : null;
  creating?.catch(() => undefined);
  const answer = await deleting;
  takeRemoval(simulation, topic, current, answer.responses[0]?.errorCode ?? -1, creating !== null);
  await creating;
}

function takeRemoval(
  simulation: Simulation,
  topic: PassingTopic,
  removed: PassedTopic,
  code: number,
  isMadeAnew: boolean,
): void {
  const { name } = topic;
  simulation.note(`delete ${name} -> ${code}`);
  checkRefusal(simulation, name, code);
  demand(code !== UNKNOWN_TOPIC && code !== UNKNOWN_TOPIC_ID, `${name} was created, and is said not to exist`);
  simulation.book.count(code === 0 ? 'topics deleted' : `delete error ${code}`);
  if (code !== 0) return;
  if (topic.current === removed) topic.end();
  if (!isMadeAnew) {
    topic.settle({ exists: surely(false) });
    return;
  }
  topic.exists = { known: false, perhaps: true };
  topic.partitions = surely(topic.partitions.perhaps);
  topic.retention = surely(topic.retention.perhaps);
}

/** Whoever deletes a topic that is gone by its id does nothing to what has the name now. */
async function removePassed(
  simulation: Simulation,
  link: SimulatedLink,
  topic: PassingTopic,
  random: Prng,
): Promise<void> {
  topic.settle({});
  if (topic.past.length === 0) return;
  const { id: topicId } = anyOf(random, topic.past);
  const answer = await link.ask(deleteTopics, 6, { topics: [{ topicId }], timeoutMs: 1000 });
  const code = answer.responses[0]?.errorCode ?? -1;
  demand(code === UNKNOWN_TOPIC_ID, `${topic.name} was deleted, and is deleted by its id again with error ${code}`);
  simulation.book.count('deletions by ids of deleted topics');
}

async function widen(simulation: Simulation, link: SimulatedLink, topic: PassingTopic): Promise<void> {
  const { name } = topic;
  const count = topic.partitions.known + 1;
  topic.partitions = { known: topic.partitions.known, perhaps: count };
  const answer = await link.ask(createPartitions, 3, {
    topics: [{ name, count, assignments: null }],
    timeoutMs: 1000,
    validateOnly: false,
  });
  const code = answer.results[0]?.errorCode ?? -1;
  simulation.note(`widen ${name} to ${count} -> ${code}`);
  checkRefusal(simulation, name, code);
  demand(code !== INVALID_PARTITIONS, `${name} is said to have ${count} partitions already`);
  if (code === 0) topic.settle({ partitions: surely(count) });
  simulation.book.count(code === 0 ? 'partitions created' : `widen error ${code}`);
}

async function configure(
  simulation: Simulation,
  link: SimulatedLink,
  topic: PassingTopic,
  random: Prng,
): Promise<void> {
  const { name } = topic;
  const value = String(2 * RETENTION_MIN_MS + random.nextInt(1000));
  topic.retention = { known: topic.retention.known, perhaps: value };
  const answer = await link.ask(incrementalAlterConfigs, 1, {
    resources: [
      { resourceType: RESOURCE_TOPIC, resourceName: name, configs: [{ name: RETENTION, configOperation: 0, value }] },
    ],
    validateOnly: false,
  });
  const code = answer.responses[0]?.errorCode ?? -1;
  simulation.note(`configure ${name} -> ${code}`);
  checkRefusal(simulation, name, code);
  if (code === 0) topic.settle({ retention: surely(value) });
  simulation.book.count(code === 0 ? 'settings changed' : `configure error ${code}`);
}

/** Records of it come, or go from its beginning. */
async function touch(
  simulation: Simulation,
  link: SimulatedLink,
  topic: PassingTopic,
  current: PassedTopic,
  random: Prng,
): Promise<void> {
  const model = anyOf(random, current.partitions);
  // What a life has is looked at before it gets more.
  if (model.verifiedLife !== simulation.history.life) return topic.settle({});
  if (random.nextBoolean()) {
    await deleteSome(simulation, link, model, random);
    return topic.settle({});
  }
  const speech = anySpeech(random);
  const count = 1 + random.nextInt(4);
  const first = simulation.topics.takeNumbers(count);
  const stampMs = Math.floor(simulation.nowMs);
  const batch = model.sent(first, count, stampMs, { name: 'caretaker', isGapless: false, nextOrder: first }, null);
  const partitions = [{ partitionIndex: model.partition, records: numberedBatch(first, count, stampMs) }];
  const topics = [{ ...spoken(speech, current), partitions }];
  const answer = await link.ask(produce, speech.produceVersion, { acks: -1, timeoutMs: 1000, topics });
  const part = answer.topics[0]?.partitions[0];
  demand(part !== undefined, 'every partition of a produce is answered');
  const { errorCode, baseOffset } = part;
  simulation.note(`${model.folder} ${first} -> ${errorCode} ${baseOffset}`);
  demand(
    errorCode === 0 || mayComeAgain(simulation, errorCode),
    `${model.folder}: a batch is refused with ${errorCode}`,
  );
  if (errorCode === 0) model.acknowledged(batch, baseOffset);
  simulation.book.count(errorCode === 0 ? 'batches of a caretaker' : `produce error ${errorCode}`);
  topic.settle({});
}

function checkRefusal({ isDiskTroubled }: Simulation, name: string, code: number): void {
  demand(code === 0 || isDiskTroubled, `a change of ${name} is answered with error ${code} on a disk that is well`);
}

/** Nobody else changes them meanwhile. */
async function check(simulation: Simulation, link: SimulatedLink): Promise<void> {
  const { passing } = simulation.topics;
  const names = passing.map(({ name }) => ({ name }));
  const found = await link.ask(metadata, 12, { topics: names, allowAutoTopicCreation: false });
  const described = new Map(found.topics.map((topic) => [topic.name, topic]));
  for (const topic of passing) topic.learn(described.get(topic.name), simulation.history.life);
  simulation.book.count('topics checked', passing.length);
  const there = passing.filter(({ name }) => (described.get(name)?.errorCode ?? UNKNOWN_TOPIC) === 0);
  if (there.length === 0) return;
  const resources = there.map(({ name }) => ({
    resourceType: RESOURCE_TOPIC,
    resourceName: name,
    configurationKeys: [RETENTION],
  }));
  const answer = await link.ask(describeConfigs, 4, { resources });
  for (const topic of there) {
    const { name, retention } = topic;
    const result = answer.results.find(({ resourceName }) => resourceName === name);
    if (topic.isInDoubt && result?.errorCode !== 0) continue;
    const value = result?.configs[0]?.value ?? '';
    demand(fits(retention, value), `${RETENTION} of ${name} is ${value}, ${retention.known} is acknowledged`);
    if (!topic.isInDoubt) topic.retention = surely(value);
  }
}
