/**
 * A broker may answer a change of its metadata before all of its parts have heard of it, for some milliseconds. Scripts are
 * about answers, not about that window, so after each change they wait here until it is visible: topics in Metadata and
 * their logs in ListOffsets, gone ones nowhere. Settings have no such sign; they get a moment. Likewise the end of a
 * transaction is answered before its markers are written, and how long that takes is no matter of the protocol.
 */
import type { Api } from '../../src/protocol/api.ts';
import { decodeResponse, encodeRequest } from '../../src/protocol/compile.ts';
import { decodeResponseHeader, encodeRequestHeader } from '../../src/protocol/header.ts';
import { Reader } from '../../src/protocol/reader.ts';
import { listOffsets } from '../../src/protocol/schemas/02-list-offsets.ts';
import { metadata } from '../../src/protocol/schemas/03-metadata.ts';
import { deleteTopics } from '../../src/protocol/schemas/20-delete-topics.ts';
import { describeConfigs } from '../../src/protocol/schemas/32-describe-configs.ts';
import { describeTransactions } from '../../src/protocol/schemas/65-describe-transactions.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { WireConnection } from './wire.ts';

const METADATA = 3;
const CREATE_TOPICS = 19;
const DELETE_TOPICS = 20;
const CREATE_PARTITIONS = 37;
/** AlterConfigs, IncrementalAlterConfigs */
const TOPIC_SETTINGS_KEYS = new Set([33, 44]);
const SETTINGS_ATTEMPTS_MAX = 25;
/** InitProducerId, which may end a transaction, and EndTxn. */
const ENDING_KEYS = new Set([22, 26]);
const ENDING_ATTEMPTS_MAX = 60;
const NONE_SET = 0;
/** AlterClientQuotas, AlterUserScramCredentials, UpdateFeatures. */
const SETTINGS_KEYS = new Set([49, 51, 57]);
const SETTINGS_MS = 25;
/** For changes whose outcome is not known beforehand: a list grows, a quota is set. */
const UNSEEN_MS = 300;
const TOPIC_RESOURCE = 2;
/** The source of a value that was set for the topic itself. */
const SET_FOR_TOPIC = 1;
const POLL_MS = 3;
const POLL_MS_MAX = 50;
const ATTEMPTS_MAX = 1000;
const CREATION_ATTEMPTS_MAX = 100;
const UNKNOWN_TOPIC = 3;
const LEADER_NOT_AVAILABLE = 5;
const ANSWER_MS_MAX = 60_000;
const DELETION_MS_MAX = 10_000;
const LATEST = -1;
/** One for each broker: who asks when things are visible is not part of a script. */
const watchers = new Map<number, Promise<Watcher>>();

export async function untilVisible(port: number, apiKey: number, request: unknown, answer: unknown): Promise<void> {
  if (TOPIC_SETTINGS_KEYS.has(apiKey)) return untilSet(port, request, answer);
  if (SETTINGS_KEYS.has(apiKey)) return pause(UNSEEN_MS);
  if (apiKey === METADATA) return untilCreatedByItself(port, request, answer);
  if (ENDING_KEYS.has(apiKey)) return untilEnded(port, fieldOf(request, 'transactionalId'));
  if (apiKey !== CREATE_TOPICS && apiKey !== DELETE_TOPICS && apiKey !== CREATE_PARTITIONS) return;
  if (fieldOf(request, 'validateOnly') === true) return;
  const names = changedTopics(answer);
  if (names.length === 0) return;
  const watcher = await watcherOf(port);
  const counts = apiKey === CREATE_PARTITIONS ? wantedCounts(request) : new Map<string, number>();
  for (const name of names) await watcher.until(name, apiKey !== DELETE_TOPICS, counts.get(name) ?? 0);
}

/** Asking for a topic may create it, a moment after the answer that it is not there. */
async function untilCreatedByItself(port: number, request: unknown, answer: unknown): Promise<void> {
  const rows = fieldOf(answer, 'topics');
  if (fieldOf(request, 'allowAutoTopicCreation') === false || !Array.isArray(rows)) return;
  for (const row of rows) {
    const name = fieldOf(row, 'name');
    const isAbsent = fieldOf(row, 'errorCode') === UNKNOWN_TOPIC || fieldOf(row, 'errorCode') === LEADER_NOT_AVAILABLE;
    if (isAbsent && typeof name === 'string' && name !== '') {
      await (await watcherOf(port)).until(name, true, 0, CREATION_ATTEMPTS_MAX).catch(() => {});
    }
  }
}

async function untilEnded(port: number, transactionalId: unknown): Promise<void> {
  if (typeof transactionalId === 'string' && transactionalId !== '')
    await (await watcherOf(port)).untilEnded(transactionalId);
}

/** Values that were taken are asked for until they are shown; those that are shown in another spelling cost the whole wait. */
async function untilSet(port: number, request: unknown, answer: unknown): Promise<void> {
  await pause(SETTINGS_MS);
  if (fieldOf(request, 'validateOnly') === true) return;
  const answers = rowsOf(answer, 'responses');
  for (const resource of rowsOf(request, 'resources')) {
    const name = fieldOf(resource, 'resourceName');
    const isTaken = answers.some((one) => fieldOf(one, 'resourceName') === name && fieldOf(one, 'errorCode') === 0);
    if (!isTaken || fieldOf(resource, 'resourceType') !== TOPIC_RESOURCE) continue;
    for (const config of rowsOf(resource, 'configs')) {
      const value = fieldOf(config, 'value');
      const isSet = (fieldOf(config, 'configOperation') ?? NONE_SET) === NONE_SET && typeof value === 'string';
      if (!isSet) await pause(UNSEEN_MS);
      else await (await watcherOf(port)).untilSet(String(name), String(fieldOf(config, 'name')), value.trim());
    }
  }
}

function rowsOf(value: unknown, name: string): readonly unknown[] {
  const rows = fieldOf(value, name);
  return Array.isArray(rows) ? rows : [];
}

/** Removes the topics of a session that is over; not part of any comparison. */
export async function removeTopics(port: number, prefix: string): Promise<void> {
  await (await watcherOf(port)).remove(prefix);
}

export async function forgetWatchers(): Promise<void> {
  for (const watcher of watchers.values())
    await watcher.then(
      (one) => one.close(),
      () => {},
    );
  watchers.clear();
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function watcherOf(port: number): Promise<Watcher> {
  let watcher = watchers.get(port);
  if (watcher === undefined || (await watcher).isClosed) {
    watcher = WireConnection.open(port).then((connection) => new Watcher(connection, port));
    watchers.set(port, watcher);
  }
  return watcher;
}

class Watcher {
  readonly #connection: WireConnection;
  readonly #port: number;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(connection: WireConnection, port: number) {
    this.#connection = connection;
    this.#port = port;
  }

  get isClosed(): boolean {
    return this.#connection.isClosed;
  }

  close(): void {
    this.#connection.close();
  }

  async until(name: string, isThere: boolean, partitionsMin: number, attemptsMax = ATTEMPTS_MAX): Promise<void> {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      if ((await this.#isThere(name, partitionsMin)) === isThere) return;
      await pause(Math.min(POLL_MS + attempt, POLL_MS_MAX));
    }
    throw new Error(`topic ${name} did not become ${isThere ? 'visible' : 'invisible'} on port ${this.#port}`);
  }

  async untilSet(topic: string, name: string, value: string): Promise<void> {
    const resources = [{ resourceType: TOPIC_RESOURCE, resourceName: topic, configurationKeys: [name] }];
    for (let attempt = 0; attempt < SETTINGS_ATTEMPTS_MAX; attempt++) {
      const { results } = await this.#ask(describeConfigs, 1, { resources });
      const found = results[0]?.configs[0];
      if (found?.value === value && found.configSource === SET_FOR_TOPIC) return;
      await pause(POLL_MS + attempt);
    }
  }

  async untilEnded(transactionalId: string): Promise<void> {
    for (let attempt = 0; attempt < ENDING_ATTEMPTS_MAX; attempt++) {
      const { transactionStates } = await this.#ask(describeTransactions, 0, { transactionalIds: [transactionalId] });
      if (transactionStates[0]?.transactionState.startsWith('Prepare') !== true) return;
      await pause(Math.min(POLL_MS + attempt, POLL_MS_MAX));
    }
  }

  async remove(prefix: string): Promise<void> {
    const known = await this.#ask(metadata, 4, { topics: null, allowAutoTopicCreation: false });
    const names = known.topics.flatMap(({ name }) => (name?.startsWith(prefix) === true ? [name] : []));
    if (names.length > 0) await this.#ask(deleteTopics, 4, { topicNames: names, timeoutMs: DELETION_MS_MAX });
  }

  async #isThere(name: string, partitionsMin: number): Promise<boolean> {
    const known = await this.#ask(metadata, 4, { topics: [{ name }], allowAutoTopicCreation: false });
    const topic = known.topics[0];
    if (topic === undefined || topic.errorCode !== 0 || topic.partitions.length < partitionsMin) return false;
    if (topic.partitions.some((one) => one.leaderId < 0)) return false;
    const partitions = topic.partitions.map((one) => ({ partitionIndex: one.partitionIndex, timestamp: LATEST }));
    const offsets = await this.#ask(listOffsets, 1, { replicaId: -1, topics: [{ name, partitions }] });
    return offsets.topics.every((one) => one.partitions.every((partition) => partition.errorCode === 0));
  }

  #ask<I, D>(api: Api<unknown, I, D, unknown>, version: number, request: I): Promise<D> {
    const answer = this.#tail.then(async () => {
      const writer = new Writer(1 << 20);
      encodeRequestHeader(api, version, 1, 'conformance-watcher', writer);
      encodeRequest(api, version, request, writer);
      const raw = await this.#connection.exchange(writer.written(), ANSWER_MS_MAX);
      if (raw.kind !== 'answer') throw new Error(`${api.name} v${version} of the watcher: ${raw.kind}`);
      const reader = Reader.over(raw.frame);
      decodeResponseHeader(api, version, 1, reader);
      return decodeResponse(api, version, reader);
    });
    this.#tail = answer.catch(() => {});
    return answer;
  }
}

/** The topics of a create, delete or grow answer that were really changed; deleted ones have no name when asked by id. */
function changedTopics(answer: unknown): string[] {
  const rows = fieldOf(answer, 'topics') ?? fieldOf(answer, 'responses') ?? fieldOf(answer, 'results');
  if (!Array.isArray(rows)) return [];
  return rows.flatMap((row) => {
    const name = fieldOf(row, 'name');
    return fieldOf(row, 'errorCode') === 0 && typeof name === 'string' ? [name] : [];
  });
}

function wantedCounts(request: unknown): Map<string, number> {
  const topics = fieldOf(request, 'topics');
  const rows = Array.isArray(topics) ? topics : [];
  return new Map(rows.map((row) => [String(fieldOf(row, 'name')), Number(fieldOf(row, 'count'))]));
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
