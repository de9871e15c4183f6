/**
 * Transactions of our own client under several transactional ids, over several partitions and a group's offsets: committed,
 * aborted, left open. The producers live through the broker's death where they can; where they cannot, new ones take the id over.
 */
import type { ConsumedRecord } from '../../../src/client/client.ts';
import { nobodyIn } from '../../../src/client/group-offsets.ts';
import type { RecordProducer } from '../../../src/client/producing/record-producer.ts';
import { type Actor, breathe, Hands, pick, type Stage, type StopSign, untilBroken } from './actor.ts';
import { readCommitted } from './committed-reader.ts';
import { makeTopic } from './log-actors.ts';
import { type Claim, type TransactionFact, TransactionLedger } from './transaction-ledger.ts';

const TOPIC = 'in-transactions';
const PARTITIONS = [0, 1, 2];
const IDS = ['transfer-0', 'transfer-1', 'transfer-2'];
const RECORDS_MAX = 6;
const OFFSETS_PROBABILITY = 0.5;
const COMMIT_PROBABILITY = 0.7;
const ABORT_PROBABILITY = 0.2;
/** A producer gives up after this long: it may or may not see the broker come back. */
const GIVE_UP_MS = 1500;
const CLOSE_MS = 100;
const ENDS_WAIT_MS = 30_000;
const LOOK_AGAIN_MS = 20;

const groupOf = (id: string): string => `group-of-${id}`;

export class TransactionActor implements Actor {
  readonly name = 'transactions';
  readonly #stage: Stage;
  readonly #hands: Hands;
  readonly #ledger = new TransactionLedger();
  readonly #next = new Map<string, number>();
  readonly #read = PARTITIONS.map(() => 0);

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#hands = new Hands(stage);
  }

  async begin(): Promise<void> {
    await makeTopic(this.#hands, TOPIC, PARTITIONS.length, {});
  }

  async run(stop: StopSign): Promise<void> {
    await Promise.all(IDS.map((id) => this.#live(id, stop)));
  }

  async verify(): Promise<string[]> {
    // Whoever takes an id over ends what was open under it.
    await Promise.all(IDS.map((id) => this.#hands.patient.transactions.takeOver(id)));
    const problems: string[] = [];
    const claims: Claim[] = [];
    for (const partition of PARTITIONS) {
      const read = await this.#readToEnd(partition);
      if (read === null) problems.push(`${TOPIC}-${partition}: a transaction stays open`);
      else claims.push(...read);
    }
    problems.push(...this.#ledger.check(claims));
    for (const id of IDS) problems.push(...(await this.#offsetProblems(id)));
    return problems;
  }

  lie(): void {
    const fact = this.#ledger.begin('transfer-0', -1);
    fact.count = 2;
    fact.state = 'committed';
  }

  get doneCount(): number {
    return this.#ledger.countOf('committed');
  }

  counts(): string {
    return `${this.#ledger.countOf('committed')} transactions committed, ${this.#ledger.countOf('aborted')} not`;
  }

  close(): Promise<void> {
    return this.#hands.close();
  }

  /** One producer after the other. */
  async #live(id: string, stop: StopSign): Promise<void> {
    while (!stop.isStopped) {
      const producer = this.#stage.client.producer({
        transactionalId: id,
        lingerMs: 0,
        blockMsMax: GIVE_UP_MS,
        deliveryTimeoutMs: GIVE_UP_MS,
        requestTimeoutMs: GIVE_UP_MS,
        retryBackoffMs: 10,
        retryBackoffMaxMs: 50,
      });
      await untilBroken(async () => {
        await producer.initTransactions();
        let isLeft = false;
        while (!stop.isStopped && !isLeft) isLeft = await this.#transact(id, producer);
      });
      await producer.close(CLOSE_MS).catch(() => {});
      if (!stop.isStopped) await breathe(this.#stage.random, 30);
    }
  }

  /** True: the transaction was left open, and its producer is to be forgotten. */
  async #transact(id: string, producer: RecordProducer): Promise<boolean> {
    const { random } = this.#stage;
    const number = this.#next.get(id) ?? 0;
    this.#next.set(id, number + 1);
    const fact = this.#ledger.begin(id, number);
    producer.beginTransaction();
    await this.#send(producer, fact);
    if (random.nextBoolean(OFFSETS_PROBABILITY)) {
      fact.hasOffset = true;
      await producer.sendOffsets([{ topic: TOPIC, partition: 0, offset: number }], nobodyIn(groupOf(id)));
    }
    await breathe(random, 5);
    const wish = random.nextFraction();
    if (wish < COMMIT_PROBABILITY) {
      fact.state = 'committing';
      await producer.commitTransaction();
      fact.state = 'committed';
    } else if (wish < COMMIT_PROBABILITY + ABORT_PROBABILITY) {
      fact.state = 'aborting';
      await producer.abortTransaction();
      fact.state = 'aborted';
    } else return true;
    return false;
  }

  async #send(producer: RecordProducer, fact: TransactionFact): Promise<void> {
    const { random } = this.#stage;
    const total = 1 + random.nextInt(RECORDS_MAX);
    const sent: Promise<unknown>[] = [];
    for (let index = 0; index < total; index++) {
      fact.count += 1;
      const key = JSON.stringify({ id: fact.id, number: fact.number, index } satisfies Claim);
      const value = key.repeat(1 + random.nextInt(20));
      sent.push(producer.send({ topic: TOPIC, partition: pick(random, PARTITIONS), key, value }));
    }
    const outcomes = await Promise.allSettled(sent);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  /** Null: the stable offset does not come up to the high watermark. */
  async #readToEnd(partition: number): Promise<Claim[] | null> {
    const deadlineMs = Date.now() + ENDS_WAIT_MS;
    const claims: Claim[] = [];
    for (;;) {
      const read = await readCommitted(this.#hands.cluster, TOPIC, partition, this.#read[partition] ?? 0);
      claims.push(...read.records.map(claimOf));
      this.#read[partition] = read.nextOffset;
      if (read.stableOffset === read.highWatermark && read.nextOffset === read.stableOffset) return claims;
      if (Date.now() > deadlineMs) return null;
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
  }

  async #offsetProblems(id: string): Promise<string[]> {
    const committed = await this.#hands.patient.groupPositions.list(groupOf(id), { isStable: true });
    const found = committed[0]?.offset ?? -1;
    const expected = this.#ledger.offsetOf(id);
    if (found === expected) return [];
    return [`${groupOf(id)} is at ${found}; the last transaction with an offset that was committed is ${expected}`];
  }
}

function claimOf({
  key,
  value,
}: Pick<ConsumedRecord, 'key' | 'value'> | { key: Uint8Array | null; value: Uint8Array | null }): Claim {
  const text = Buffer.from(key ?? []).toString();
  const claim: Claim = JSON.parse(text);
  const whole = Buffer.from(value ?? []).toString();
  if (whole.replaceAll(text, '') !== '') throw new Error(`a record of ${text} has changed bytes`);
  return claim;
}
