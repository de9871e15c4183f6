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
import { mayComeAgain } from './client-manners.ts';
import { numberedBatch } from './numbered-batches.ts';
import type { PartitionModel } from './partition-model.ts';
import { deleteSome } from './record-deleter.ts';
import { LinkBroken, type SimulatedLink } from './simulated-link.ts';
import type { Simulation } from './simulation.ts';
import { verifyTopic } from './verification.ts';
import { demand } from './violation.ts';

const ALREADY_EXISTS = 36;
const UNKNOWN_TOPIC = 3;
const INVALID_PARTITIONS = 37;
const SETTING = 'retention.ms';
/** No topic keeps its records for less. */
const RETENTION_MIN = '1000000';
const NOT_IN_DOUBT = -1;
const NAMES = ['scratch-a', 'scratch-b', 'scratch-c'];

/** What holds, and what may hold as well because nobody heard how it ended. */
interface Topic {
  readonly name: string;
  exists: Possible<boolean>;
  partitions: Possible<number>;
  retention: Possible<string>;
  /** Of the topic that has the name now, as many as are known. */
  models: PartitionModel[];
  /** A change of this life failed, or was not answered: what became of it shows in the next. */
  doubtfulLife: number;
}

interface Possible<T> {
  readonly known: T;
  readonly perhaps: T;
}

const surely = <T>(value: T): Possible<T> => ({ known: value, perhaps: value });
const fits = <T>({ known, perhaps }: Possible<T>, value: T): boolean => value === known || value === perhaps;

export async function caretaker(simulation: Simulation, random: Prng): Promise<void> {
  const topics = NAMES.map((name) => ({
    name,
    exists: surely(false),
    partitions: surely(0),
    retention: surely(''),
    models: [],
    doubtfulLife: NOT_IN_DOUBT,
  }));
  while (simulation.isRunning) {
    const link = await simulation.connect();
    try {
      while (simulation.isRunning && !link.isBroken) {
        for (const topic of topics) await check(simulation, link, topic, random);
        const topic = topics[random.nextInt(topics.length)];
        if (topic !== undefined) await change(simulation, link, topic, random);
        await simulation.pause(random.nextInt(150));
      }
    } catch (error) {
      if (!(error instanceof LinkBroken)) throw error;
    }
    link.break();
  }
}

async function change(simulation: Simulation, link: SimulatedLink, topic: Topic, random: Prng): Promise<void> {
  // What is in doubt is left alone until it shows.
  if (topic.doubtfulLife === simulation.history.life) return;
  // A connection that breaks takes no request back: what it asked for may still happen.
  topic.doubtfulLife = simulation.history.life;
  if (!topic.exists.known) return await create(simulation, link, topic, random);
  const dice = random.nextInt(8);
  if (dice > 3) return await write(simulation, link, topic, random);
  if (dice === 0) return await remove(simulation, link, topic);
  if (dice === 1) return await widen(simulation, link, topic);
  return await configure(simulation, link, topic, random);
}

function settle(topic: Topic, found: Partial<Pick<Topic, 'exists' | 'partitions' | 'retention' | 'models'>>): void {
  Object.assign(topic, found);
  topic.doubtfulLife = NOT_IN_DOUBT;
}

async function create(simulation: Simulation, link: SimulatedLink, topic: Topic, random: Prng): Promise<void> {
  const { name } = topic;
  const numPartitions = 1 + random.nextInt(3);
  const value = String(1_000_000 + random.nextInt(1000));
  topic.exists = { known: false, perhaps: true };
  topic.partitions = surely(numPartitions);
  topic.retention = surely(value);
  topic.models = [];
  const configs = [{ name: SETTING, value }];
  const answer = await link.ask(createTopics, 7, {
    topics: [{ name, numPartitions, replicationFactor: 1, assignments: [], configs }],
  });
  const code = answer.topics[0]?.errorCode ?? -1;
  simulation.note(`create ${name} -> ${code}`);
  checkRefusal(simulation, name, code);
  demand(code !== ALREADY_EXISTS, `${name} was deleted, and is said to exist`);
  if (code === 0) settle(topic, { exists: surely(true) });
  simulation.book.count(code === 0 ? 'topics created' : `create error ${code}`);
}

async function remove(simulation: Simulation, link: SimulatedLink, topic: Topic): Promise<void> {
  const { name } = topic;
  topic.exists = { known: true, perhaps: false };
  const answer = await link.ask(deleteTopics, 6, { topics: [{ name }], timeoutMs: 1000 });
  const code = answer.responses[0]?.errorCode ?? -1;
  simulation.note(`delete ${name} -> ${code}`);
  checkRefusal(simulation, name, code);
  demand(code !== UNKNOWN_TOPIC, `${name} was created, and is said not to exist`);
  if (code === 0) settle(topic, { exists: surely(false), models: [] });
  simulation.book.count(code === 0 ? 'topics deleted' : `delete error ${code}`);
}

async function widen(simulation: Simulation, link: SimulatedLink, topic: Topic): Promise<void> {
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
  if (code === 0) settle(topic, { partitions: surely(count) });
  simulation.book.count(code === 0 ? 'partitions created' : `widen error ${code}`);
}

async function configure(simulation: Simulation, link: SimulatedLink, topic: Topic, random: Prng): Promise<void> {
  const { name } = topic;
  const value = String(2_000_000 + random.nextInt(1000));
  topic.retention = { known: topic.retention.known, perhaps: value };
  const answer = await link.ask(incrementalAlterConfigs, 1, {
    resources: [
      { resourceType: RESOURCE_TOPIC, resourceName: name, configs: [{ name: SETTING, configOperation: 0, value }] },
    ],
    validateOnly: false,
  });
  const code = answer.responses[0]?.errorCode ?? -1;
  simulation.note(`configure ${name} -> ${code}`);
  checkRefusal(simulation, name, code);
  if (code === 0) settle(topic, { retention: surely(value) });
  simulation.book.count(code === 0 ? 'settings changed' : `configure error ${code}`);
}

/** Records of this topic, and of none that had its name before. */
async function write(simulation: Simulation, link: SimulatedLink, topic: Topic, random: Prng): Promise<void> {
  const { name, models } = topic;
  const model = models[random.nextInt(models.length)];
  // What a life has is looked at before it gets more.
  if (model?.verifiedLife !== simulation.history.life) return settle(topic, {});
  if (random.nextInt(3) === 0) {
    await deleteSome(simulation, link, model, random);
    return settle(topic, {});
  }
  const count = 1 + random.nextInt(4);
  const first = simulation.topics.takeNumbers(count);
  const stampMs = Math.floor(simulation.nowMs);
  const batch = model.sent(first, count, stampMs, { name: 'caretaker', isGapless: false, nextOrder: first }, null);
  const partitions = [{ partitionIndex: model.partition, records: numberedBatch(first, count, stampMs) }];
  const answer = await link.ask(produce, 9, { acks: -1, timeoutMs: 1000, topics: [{ name, partitions }] });
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
  settle(topic, {});
}

/** All that its topic has, now and then. */
async function checkRecords(simulation: Simulation, link: SimulatedLink, topic: Topic, random: Prng): Promise<void> {
  const { name, models } = topic;
  for (let partition = models.length; partition < topic.partitions.known; partition++)
    models.push(simulation.topics.modelOf(name, partition, { [SETTING]: RETENTION_MIN }));
  const isNew = models.some(({ verifiedLife }) => verifiedLife !== simulation.history.life);
  if (!isNew && random.nextInt(4) > 0) return;
  await verifyTopic(simulation, link, { name, partitions: models });
  simulation.book.count('topics of a caretaker read');
}

function checkRefusal({ isDiskTroubled }: Simulation, name: string, code: number): void {
  demand(code === 0 || isDiskTroubled, `a change of ${name} is answered with error ${code} on a disk that is well`);
}

/** From what is found it is also learnt how things ended. */
async function check(simulation: Simulation, link: SimulatedLink, topic: Topic, random: Prng): Promise<void> {
  const { name } = topic;
  const found = await link.ask(metadata, 12, { topics: [{ name }], allowAutoTopicCreation: false });
  const described = found.topics.find((each) => each.name === name);
  const exists = described !== undefined && described.errorCode !== UNKNOWN_TOPIC;
  demand(fits(topic.exists, exists), `${name} ${exists ? 'is there' : 'is not there'}, against what was acknowledged`);
  const isSettled = topic.doubtfulLife !== simulation.history.life;
  if (isSettled) topic.exists = surely(exists);
  simulation.book.count('topics checked');
  if (!exists) return;
  const count = described.partitions.length;
  demand(fits(topic.partitions, count), `${name} has ${count} partitions, ${topic.partitions.known} are acknowledged`);
  if (isSettled) topic.partitions = surely(count);
  const resource = { resourceType: RESOURCE_TOPIC, resourceName: name, configurationKeys: [SETTING] };
  const answer = await link.ask(describeConfigs, 4, { resources: [resource] });
  const value = answer.results[0]?.configs[0]?.value ?? '';
  demand(fits(topic.retention, value), `${SETTING} of ${name} is ${value}, ${topic.retention.known} is acknowledged`);
  if (!isSettled) return;
  topic.retention = surely(value);
  await checkRecords(simulation, link, topic, random);
}
