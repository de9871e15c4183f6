/** How every test of this folder begins and ends: a broker in one thread, a client, and nothing held at the end. */
import { afterEach } from 'vitest';
import { BrokerInOneThread, type BrokerOptions } from '../support/broker-in-one-thread.ts';
import type { SimulatedClient } from '../support/simulated-client.ts';
import { SimulatedWorld } from '../support/simulated-world.ts';

export interface BehaviourRig {
  readonly world: SimulatedWorld;
  readonly broker: BrokerInOneThread;
  readonly client: SimulatedClient;
}

const running: BrokerInOneThread[] = [];

export async function startRig(options: BrokerOptions & { readonly seed?: number } = {}): Promise<BehaviourRig> {
  const world = new SimulatedWorld(options.seed ?? 1);
  const broker = await BrokerInOneThread.start(world, options);
  running.push(broker);
  return { world, broker, client: broker.connect() };
}

/** The broker of a rig was stopped by the test and another started over its world. */
export async function restart(
  rig: BehaviourRig,
  how: 'stop' | 'kill',
  options: BrokerOptions = {},
): Promise<BehaviourRig> {
  running.splice(running.indexOf(rig.broker), 1);
  if (how === 'stop') await rig.broker.stop();
  else rig.broker.kill();
  const broker = await BrokerInOneThread.start(rig.world, options);
  running.push(broker);
  return { world: rig.world, broker, client: broker.connect() };
}

afterEach(async () => {
  for (const broker of running.splice(0)) {
    broker.hangUp();
    await broker.settle();
    broker.expectNothingHeld();
    broker.kill();
  }
});
