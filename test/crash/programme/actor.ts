/**
 * Who works on a broker while the crash programme kills it: an actor does one kind of thing again and again, keeps a ledger of
 * what was acknowledged and of what was under way, and after a start compares the two with what the broker says. What was under
 * way may have happened or not; the ledger takes over what is found, and from then on it may not change.
 */
import { join } from 'node:path';
import { Admin } from '../../../src/client/admin.ts';
import type { Client } from '../../../src/client/client.ts';
import { ClusterView } from '../../../src/client/metadata.ts';
import type { Prng } from '../../support/prng.ts';

export interface StopSign {
  isStopped: boolean;
}

export interface Actor {
  readonly name: string;
  /** Once, on a fresh folder. */
  begin(): Promise<void>;
  /** Works until it is stopped or the broker is gone. What is no Fault is thrown. */
  run(stop: StopSign): Promise<void>;
  /** Nobody works any more: settles what was under way, then says in sentences which promises are broken. */
  verify(isFull: boolean): Promise<string[]>;
  /** The canary: remembers a promise that nobody made. The next `verify` must complain. */
  lie(): void;
  /** How much was acknowledged: a programme in which somebody got nothing done shows nothing. */
  readonly doneCount: number;
  /** For people: what was done. */
  counts(): string;
  close(): Promise<void>;
}

/** What all actors of one programme are given. */
export interface Stage {
  readonly port: number;
  readonly dataFolder: string;
  readonly client: Client;
  readonly random: Prng;
}

/** Of an actor, so that none waits behind another's requests. */
export class Hands {
  readonly cluster: ClusterView;
  /** Gives up soon: the broker may be dead. */
  readonly hasty: Admin;
  /** For looking, and for what has to be there. */
  readonly patient: Admin;

  constructor({ port }: Stage) {
    this.cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port }] });
    this.hasty = new Admin(this.cluster, { timeoutMs: HASTY_MS });
    this.patient = new Admin(this.cluster, { timeoutMs: PATIENT_MS });
  }

  close(): Promise<void> {
    return this.cluster.close();
  }
}

const HASTY_MS = 400;
const PATIENT_MS = 30_000;

/** The broker's death shows as a Fault to whoever asks it for something; everything else is a bug of the test or of the client. */
export async function untilBroken(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isOfTheWorld(error)) throw error;
  }
}

function isOfTheWorld(error: unknown): boolean {
  return error instanceof Error && (error.name === 'Fault' || error.name === 'AnswerError');
}

export function pick<T>(random: Prng, items: readonly T[]): T {
  const item = items[random.nextInt(items.length)];
  if (item === undefined) throw new RangeError('there is something to pick from');
  return item;
}

/** Between two steps: the event loop belongs to all actors. */
export function breathe(random: Prng, msMax: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, random.nextInt(msMax + 1)));
}

export function partitionFolder(stage: Stage, topic: string, partition: number): string {
  return join(stage.dataFolder, `${topic}-${partition}`);
}
