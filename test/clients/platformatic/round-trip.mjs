// Round trip with @platformatic/kafka, run under the newest even Node release: produces a known sequence of records to every
// partition of a topic, reads the partitions back by explicit offsets and prints what was lost, doubled or changed as one
// line of JSON. Run by foreign-clients: round-trip.mjs BOOTSTRAP TOPIC CODEC COUNT PARTITIONS
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

// The package is installed under .cache, not beside this file, so it is found from the folder that runs us.
const resolve = createRequire(join(process.cwd(), 'package.json')).resolve;
const { Consumer, Producer } = await import(pathToFileURL(resolve('@platformatic/kafka')).href);

const baseTimestampMs = 1_700_000_000_000;
const deadlineMs = 120_000;
const [bootstrap, topic, codec, countText, partitionsText] = process.argv.slice(2);
const count = Number(countText);
const partitions = Number(partitionsText);

const key = (i) => `key-${i}`;
const value = (i) => `value-${i}-${String(i).padStart((i % 90) + 1, '0')}`;

function recordOf(i) {
  return {
    topic,
    partition: i % partitions,
    key: Buffer.from(key(i)),
    value: Buffer.from(value(i)),
    timestamp: BigInt(baseTimestampMs + i),
    headers: new Map([
      [Buffer.from('index'), Buffer.from(String(i))],
      [Buffer.from('empty'), Buffer.alloc(0)],
    ]),
  };
}

async function produce() {
  const producer = new Producer({ clientId: 'platformatic', bootstrapBrokers: [bootstrap] });
  for (let from = 0; from < count; from += 1000) {
    const messages = [];
    for (let i = from; i < Math.min(count, from + 1000); i++) messages.push(recordOf(i));
    await producer.send({ messages, compression: codec, acks: -1 });
  }
  await producer.close();
}

function isSame(record, timestampMs, i) {
  const [first, second] = record.headers;
  return (
    record.value.toString() === value(i) &&
    timestampMs === baseTimestampMs + i &&
    record.headers.length === 2 &&
    first[0].toString() === 'index' &&
    first[1].toString() === String(i) &&
    second[0].toString() === 'empty' &&
    (second[1] === null || second[1].length === 0)
  );
}

async function consume() {
  const consumer = new Consumer({ groupId: 'unused', clientId: 'platformatic', bootstrapBrokers: [bootstrap] });
  const metadata = await consumer.metadata({ topics: [topic] });
  const described = metadata.topics.get(topic);
  const next = Array.from({ length: partitions }, () => 0n);
  const seen = new Uint8Array(count);
  let read = 0;
  let changed = 0;
  const endMs = Date.now() + deadlineMs;
  const take = (batch, record) => {
    read++;
    const i = Number(/^key-(\d+)$/.exec(record.key?.toString() ?? '')?.[1] ?? -1);
    const timestampMs = Number(batch.firstTimestamp + record.timestampDelta);
    if (i >= 0 && i < count && isSame(record, timestampMs, i)) seen[i]++;
    else changed++;
  };
  while (read < count && Date.now() < endMs) {
    const wanted = next.map((fetchOffset, partition) => ({
      partition,
      currentLeaderEpoch: described.partitions[partition].leaderEpoch,
      fetchOffset,
      lastFetchedEpoch: -1,
      partitionMaxBytes: 1 << 20,
    }));
    const answer = await consumer.fetch({
      node: described.partitions[0].leader,
      topics: [{ topicId: described.id, partitions: wanted }],
      maxWaitTime: 500,
    });
    for (const { partitionIndex, records } of answer.responses.flatMap((response) => response.partitions)) {
      for (const batch of records ?? []) {
        for (const record of batch.records) {
          const offset = batch.firstOffset + BigInt(record.offsetDelta);
          if (offset < next[partitionIndex]) continue;
          take(batch, record);
        }
        next[partitionIndex] = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
      }
    }
  }
  await consumer.close();
  let lost = 0;
  let doubled = 0;
  for (const times of seen) {
    if (times === 0) lost++;
    else doubled += times - 1;
  }
  return { sent: count, read, lost, doubled, changed };
}

await produce();
process.stdout.write(`${JSON.stringify(await consume())}\n`);
