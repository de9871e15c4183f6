/** The bounds of single listeners: who comes by one that is full waits, and nobody else does. */
import { describe, expect, test } from 'vitest';
import type { ListenerBounds } from '../../src/config/listener-bounds.ts';
import { type ListenerFacts, PLAINTEXT_FACTS } from '../../src/net/front-listener.ts';
import type { FakeClient } from '../support/fake-client.ts';
import { Prng } from '../support/prng.ts';
import { FrontRig, type RigOptions } from './front-rig.ts';

const OUTER = 0;
const INNER = 1;

/** The front serves them as its first and second; of the broker they are the third and the sixth. */
function listeners(inner: Partial<ListenerBounds>, outer: Partial<ListenerBounds> = {}): readonly ListenerFacts[] {
  const { bounds } = PLAINTEXT_FACTS;
  return [
    { name: 'OUTER', protocol: 'PLAINTEXT', number: 2, bounds: { ...bounds, ...outer } },
    { name: 'INNER', protocol: 'PLAINTEXT', number: 5, bounds: { ...bounds, ...inner } },
  ];
}

function rigOf(inner: Partial<ListenerBounds>, options: RigOptions = {}): FrontRig {
  return new FrontRig({ listeners: listeners(inner), ...options });
}

function callers(rig: FrontRig, listener: number, count: number): FakeClient[] {
  const clients = Array.from({ length: count }, () => rig.transport.connect({ listener }));
  rig.pass(50, 10);
  return clients;
}

function served(rig: FrontRig): { inner: number; outer: number } {
  const names = rig.front.connections.open.map(({ listener }) => listener.name);
  return {
    inner: names.filter((name) => name === 'INNER').length,
    outer: names.filter((name) => name === 'OUTER').length,
  };
}

describe('a listener with bounds of its own', () => {
  test('that is full lets nobody in until one of its connections ends; the other listener goes on', () => {
    const rig = rigOf({ connectionsMax: 2 });
    const inner = callers(rig, INNER, 5);
    const outer = callers(rig, OUTER, 4);
    expect(served(rig)).toEqual({ inner: 2, outer: 4 });
    expect(rig.lines).toEqual([
      'the listener INNER has as many connections as it may (2): new ones of it wait until one ends; raise listener.name.inner.max.connections',
    ]);
    expect(inner.some((client) => client.isClosedByBroker)).toBe(false);
    outer[0]?.end();
    rig.pass(50, 10);
    expect(served(rig)).toEqual({ inner: 2, outer: 3 });
    inner[0]?.end();
    rig.pass(50, 10);
    expect(served(rig)).toEqual({ inner: 2, outer: 3 });
    expect(rig.front.connections.open.map(({ peer }) => peer)).toContain(inner[2]?.peer);
    for (const client of inner) client.end();
    rig.pass(200, 10);
    expect(served(rig)).toEqual({ inner: 0, outer: 3 });
    expect(rig.transport.isAccepting).toBe(true);
    // Nobody was counted twice, or is counted still.
    callers(rig, INNER, 3);
    expect(served(rig)).toEqual({ inner: 2, outer: 3 });
  });

  test('lets the next one in as soon as this front has closed one, and looks now and then for those of others', () => {
    const rig = rigOf({ connectionsMax: 1 });
    const [first] = callers(rig, INNER, 2);
    rig.pass(200, 10);
    const looksLater = rig.front.nextWakeMs() - rig.nowMs;
    expect(looksLater).toBeGreaterThan(20);
    expect(looksLater).toBeLessThanOrEqual(40);
    first?.end();
    for (let turn = 0; turn < 5; turn++) rig.step();
    expect(rig.front.connections.open.map(({ peer }) => peer)).not.toContain(first?.peer);
    expect(served(rig).inner).toBe(1);
  });

  test('keeps them in the kernel: what waits is what one turn accepted', () => {
    const rig = rigOf({ connectionsMax: 1 });
    callers(rig, INNER, 3);
    callers(rig, INNER, 20);
    expect(rig.transport.backlogCount).toBe(20);
    callers(rig, OUTER, 2);
    expect(served(rig)).toEqual({ inner: 1, outer: 2 });
  });

  test('is held back by what all of the broker may have as well, and then they take turns by arrival', () => {
    const rig = rigOf({ connectionsMax: 2 }, { limits: { connectionsMax: 3 } });
    const [first] = callers(rig, OUTER, 1);
    const inner = callers(rig, INNER, 3);
    expect(served(rig)).toEqual({ inner: 2, outer: 1 });
    callers(rig, OUTER, 2);
    expect(served(rig)).toEqual({ inner: 2, outer: 1 });
    // The one of INNER came before, but its listener has what it may have.
    first?.end();
    rig.pass(50, 10);
    expect(served(rig)).toEqual({ inner: 2, outer: 1 });
    inner[0]?.end();
    rig.pass(50, 10);
    expect(served(rig)).toEqual({ inner: 2, outer: 1 });
    inner[1]?.end();
    rig.pass(50, 10);
    expect(served(rig)).toEqual({ inner: 1, outer: 2 });
    expect(rig.lines.join()).toContain('3 connections are open: new ones wait until one ends; raise max.connections');
  });

  test('may have none, until it is told otherwise', () => {
    const rig = rigOf({ connectionsMax: 0 });
    const [client] = callers(rig, INNER, 1);
    callers(rig, OUTER, 1);
    expect(served(rig)).toEqual({ inner: 0, outer: 1 });
    const limits = { connectionsMax: 100, connectionsPerAddressMax: 100, creationRateMax: 100 };
    const bounds = { connectionsMax: 1, creationRateMax: 100 };
    rig.post({
      kind: 'limits',
      ...limits,
      addressOverrides: new Map(),
      listeners: [bounds, bounds, bounds, bounds, bounds, bounds],
    });
    rig.pass(50, 10);
    expect(served(rig)).toEqual({ inner: 1, outer: 1 });
    expect(client?.isClosedByBroker).toBe(false);
  });

  test('to which they come too fast lets them in at its rate; by the other one they come as fast as they like', () => {
    const rig = rigOf({ creationRateMax: 10 });
    callers(rig, INNER, 115);
    callers(rig, OUTER, 300);
    const { inner, outer } = served(rig);
    expect(outer).toBe(300);
    // As Kafka measures it: ten windows of a second may be used at once.
    expect(inner).toBeGreaterThanOrEqual(100);
    expect(inner).toBeLessThan(105);
    expect(rig.lines).toEqual([
      'more than 10 connections a second come by the listener INNER: new ones of it wait; raise listener.name.inner.max.connection.creation.rate',
    ]);
    rig.pass(8000, 50);
    expect(served(rig).inner).toBe(115);
  });

  test('does not count whom the quota of his address keeps out against its rate', () => {
    const rig = rigOf({ creationRateMax: 5 });
    rig.post({
      kind: 'quotas',
      rows: [{ entity: { ip: '10.0.0.1' }, values: { connection_creation_rate: 1 } }],
      windowCount: 11,
      windowMs: 1000,
    });
    rig.settle();
    callers(rig, INNER, 200);
    rig.pass(3000, 50);
    expect(rig.lines.join()).not.toContain('come by the listener INNER');
  });

  test('when descriptors run out all listeners are shut for a moment', () => {
    const rig = rigOf({ connectionsMax: 1 });
    callers(rig, INNER, 2);
    rig.transport.failAccepts(1);
    callers(rig, OUTER, 1);
    expect(served(rig)).toEqual({ inner: 1, outer: 0 });
    rig.pass(300, 10);
    expect(served(rig)).toEqual({ inner: 1, outer: 1 });
  });
});

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'whatever comes and goes, no bound is passed, and all come in at last (seed %i)',
  (seed) => {
    const random = new Prng(seed);
    const rig = rigOf({});
    const limit = (all: number, inner: number, outer: number) => {
      const bounds = [outer, outer, outer, inner, inner, inner].map((connectionsMax) => ({
        connectionsMax,
        creationRateMax: 40,
      }));
      const limits = { connectionsMax: all, connectionsPerAddressMax: 10_000, creationRateMax: 50 };
      rig.post({ kind: 'limits', ...limits, addressOverrides: new Map(), listeners: bounds });
      rig.settle();
    };
    const clients: FakeClient[] = [];
    for (let round = 0; round < 15; round++) {
      const [all, inner, outer] = [random.nextInt(12), random.nextInt(8), random.nextInt(8)];
      const before = served(rig);
      limit(all, inner, outer);
      for (let step = 0; step < 12; step++) {
        const dice = random.nextInt(10);
        if (dice < 6) clients.push(rig.transport.connect({ listener: random.nextInt(2) }));
        else if (dice < 9) clients[random.nextInt(Math.max(1, clients.length))]?.reset();
        else rig.transport.failAccepts(1);
        rig.step(random.nextInt(60));
        const now = served(rig);
        // Who is in stays where fewer may be.
        expect(now.inner).toBeLessThanOrEqual(Math.max(inner, before.inner));
        expect(now.outer).toBeLessThanOrEqual(Math.max(outer, before.outer));
        expect(now.inner + now.outer).toBeLessThanOrEqual(Math.max(all, before.inner + before.outer));
      }
    }
    limit(10_000, 10_000, 10_000);
    rig.pass(30_000, 50);
    expect(rig.transport.backlogCount).toBe(0);
    expect(rig.transport.isAccepting).toBe(true);
    const { inner, outer } = served(rig);
    expect(inner + outer).toBe(rig.transport.openCount);
    for (const client of clients) client.reset();
    rig.pass(1000, 50);
    expect(served(rig)).toEqual({ inner: 0, outer: 0 });
    limit(3, 3, 0);
    callers(rig, INNER, 5);
    expect(served(rig)).toEqual({ inner: 3, outer: 0 });
  },
);
