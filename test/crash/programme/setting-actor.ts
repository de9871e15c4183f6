/**
 * Changes what the metadata keeps besides topics: settings of a topic, of the broker and of a group, users with passwords,
 * access rules, quotas. Each thing has one value at a time, or is not there.
 */

import { demand } from '../../../src/client/admin/admin-requests.ts';
import { checkAnswer } from '../../../src/client/answer-error.ts';
import type { ConfigResource } from '../../../src/client/client.ts';
import {
  type AclBinding,
  OPERATION_ANY,
  OPERATION_READ,
  PATTERN_ANY,
  PATTERN_LITERAL,
  PERMISSION_ALLOW,
  PERMISSION_ANY,
  RESOURCE_TOPIC,
} from '../../../src/protocol/acl.ts';
import { alterUserScramCredentials } from '../../../src/protocol/schemas/51-alter-user-scram-credentials.ts';
import { type Actor, breathe, Hands, type Stage, type StopSign, untilBroken } from './actor.ts';
import { makeTopic } from './log-actors.ts';
import { OutcomeLedger } from './outcome-ledger.ts';

type Value = string | null;

/** One thing of the metadata. */
interface Thing {
  readonly name: string;
  readonly write: (value: Value) => Promise<void>;
  readonly read: () => Promise<Value>;
  /** Values that it may have. */
  readonly values: readonly string[];
}

const TOPIC = 'with-settings';
const SHA_256 = 1;
const SALT = Buffer.from('a salt of some bytes');
const SALTED = Buffer.alloc(32, 7);
const TAKE_AWAY_PROBABILITY = 0.25;
const LOOPS = 3;

export class SettingActor implements Actor {
  readonly name = 'settings, users, access rules, quotas';
  readonly #stage: Stage;
  readonly #hands: Hands;
  readonly #ledger = new OutcomeLedger<Value>(null);
  readonly #things: readonly Thing[];

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#hands = new Hands(stage);
    this.#things = [
      this.#setting({ type: 'topic', name: TOPIC }, 'retention.ms', ['86400001', '86400002', '86400003']),
      this.#setting({ type: 'topic', name: TOPIC }, 'flush.messages', ['1001', '1002', '1003']),
      this.#setting({ type: 'broker', name: '' }, 'log.retention.ms', ['86400001', '86400002', '86400003']),
      this.#setting({ type: 'broker', name: '' }, 'log.flush.interval.messages', ['10001', '10002', '10003']),
      this.#setting({ type: 'group', name: 'a-group' }, 'consumer.session.timeout.ms', ['45001', '45002', '45003']),
      this.#user('alice'),
      this.#user('bob'),
      this.#rule('carol'),
      this.#rule('dave'),
      this.#quota('erin'),
      this.#quota('frank'),
    ];
  }

  async begin(): Promise<void> {
    await makeTopic(this.#hands, TOPIC, 1, {});
  }

  async run(stop: StopSign): Promise<void> {
    const loops = Array.from({ length: LOOPS }, (_, loop) => this.#things.filter((_thing, at) => at % LOOPS === loop));
    await Promise.all(loops.map((things) => this.#change(things, stop)));
  }

  async verify(): Promise<string[]> {
    const problems: string[] = [];
    for (const { name, read } of this.#things) {
      const problem = this.#ledger.check(name, await read());
      if (problem !== null) problems.push(problem);
    }
    return problems;
  }

  lie(): void {
    for (const { name } of this.#things) this.#ledger.lie(name, '5');
  }

  get doneCount(): number {
    return this.#ledger.acknowledgedCount;
  }

  counts(): string {
    return `${this.#ledger.acknowledgedCount} changes of settings`;
  }

  close(): Promise<void> {
    return this.#hands.close();
  }

  async #change(things: readonly Thing[], stop: StopSign): Promise<void> {
    const { random } = this.#stage;
    while (!stop.isStopped) {
      const thing = things[random.nextInt(things.length)];
      if (thing === undefined) return;
      const known = this.#ledger.known(thing.name);
      const isTakenAway = known !== null && random.nextBoolean(TAKE_AWAY_PROBABILITY);
      const value = isTakenAway ? null : (thing.values[random.nextInt(thing.values.length)] ?? null);
      if (this.#ledger.isSettled(thing.name) && value !== known)
        await untilBroken(async () => {
          this.#ledger.begin(thing.name, value);
          await thing.write(value);
          this.#ledger.acknowledged(thing.name, value);
        });
      await breathe(random, 12);
    }
  }

  #setting(resource: ConfigResource, name: string, values: readonly string[]): Thing {
    const { hasty, patient } = this.#hands;
    return {
      name: `${name} of ${resource.type} ${resource.name}`,
      values,
      write: async (value) => {
        const change = value === null ? ({ name, operation: 'delete' } as const) : { name, value };
        demand(await hasty.configs.alter([{ ...resource, changes: [change] }]));
      },
      read: async () => {
        const [described] = demand(await patient.configs.describe([resource], { names: [name] }));
        const entry = described?.entries.find((one) => one.name === name);
        const isOwn = entry?.source === resource.type || entry?.source === 'default-broker';
        const inherits = resource.type === 'topic' && entry?.source === 'default-broker';
        return entry === undefined || !isOwn || inherits ? null : entry.value;
      },
    };
  }

  /** A user's iterations are what can be seen of his password. */
  #user(user: string): Thing {
    const { cluster, patient } = this.#hands;
    return {
      name: `user ${user}`,
      values: ['4097', '4098', '4099'],
      write: async (value) => {
        const connection = await cluster.controllerConnection();
        const one = { name: user, mechanism: SHA_256 };
        const deletions = value === null ? [one] : [];
        const upsertions =
          value === null ? [] : [{ ...one, iterations: Number(value), salt: SALT, saltedPassword: SALTED }];
        const answer = await connection.request(alterUserScramCredentials, { deletions, upsertions });
        const [result] = answer.results;
        checkAnswer(result?.errorCode ?? -1, `user ${user}`, result?.errorMessage ?? null);
      },
      read: async () => {
        const all = await patient.users.describe();
        const iterations = all.find(({ name }) => name === user)?.mechanisms[0]?.iterations;
        return iterations === undefined ? null : String(iterations);
      },
    };
  }

  #rule(user: string): Thing {
    const { hasty, patient } = this.#hands;
    const binding: AclBinding = {
      resourceType: RESOURCE_TOPIC,
      resourceName: TOPIC,
      patternType: PATTERN_LITERAL,
      principal: `User:${user}`,
      host: '*',
      operation: OPERATION_READ,
      permissionType: PERMISSION_ALLOW,
    };
    const filter = {
      ...binding,
      resourceName: null,
      patternType: PATTERN_ANY,
      host: null,
      operation: OPERATION_ANY,
      permissionType: PERMISSION_ANY,
    };
    return {
      name: `access rule of ${user}`,
      values: ['there'],
      write: async (value) => {
        if (value === null) demand(await hasty.acls.delete([filter]));
        else demand(await hasty.acls.create([binding]));
      },
      read: async () => ((await patient.acls.describe(filter)).length === 0 ? null : 'there'),
    };
  }

  #quota(user: string): Thing {
    const { hasty, patient } = this.#hands;
    const entity = { user };
    return {
      name: `quota of ${user}`,
      values: ['1000001', '1000002', '1000003'],
      write: async (value) => {
        const rate = value === null ? null : Number(value);
        demand(await hasty.quotas.alter([{ entity, values: { producer_byte_rate: rate } }]));
      },
      read: async () => {
        const [described] = await patient.quotas.describe({ entity: { user: { name: user } } });
        const rate = described?.values['producer_byte_rate'];
        return rate === undefined ? null : String(rate);
      },
    };
  }
}
