/** Plans are made from schemas alone: whatever schema is added, requests made from it must be writable in every version. */
import { expect, it } from 'vitest';
import { makePlan } from '../../bench/conformance/generated/plan.ts';
import { Memory } from '../../bench/conformance/generated/symbols.ts';
import { type Mood, ValueSource } from '../../bench/conformance/generated/values.ts';
import { loadSchemas } from '../../bench/conformance/schemas.ts';
import { scripted } from '../../bench/conformance/scripted/all.ts';
import { requestOf, versionsOf } from '../../bench/conformance/scripted/rows.ts';
import { encodeRequest } from '../../src/protocol/compile.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { seed } from '../protocol/arbitrary.ts';
import { everyApi } from '../protocol/schemas.ts';
import { Prng } from '../support/prng.ts';

const DRAWS = 30;
const moods: readonly Mood[] = ['valid', 'edge', 'wrong'];

it('finds every schema there is', async () => {
  const found = (await loadSchemas()).map(({ name }) => name);
  for (const { name } of everyApi) expect(found).toContain(name);
});

it('makes requests that can be written, of every API, version and mood', async () => {
  const prng = new Prng(seed);
  const memory = new Memory('p-');
  const failures = new Set<string>();
  for (const api of await loadSchemas()) {
    for (let version = api.versions[0]; version <= api.versions[1]; version++) {
      for (let draw = 0; draw < DRAWS; draw++) {
        const mood = moods[draw % moods.length] ?? 'valid';
        const request = memory.resolve(new ValueSource(prng, api.name, version, mood).request(api.request));
        try {
          encodeRequest(api, version, request, new Writer(1 << 20));
        } catch (error) {
          failures.add(`seed ${seed}: ${api.name} v${version}: ${error instanceof Error ? error.message : error}`);
        }
      }
    }
  }
  expect([...failures]).toEqual([]);
});

it('has at least 400 scripted exchanges, and every one can be written', async () => {
  const byName = new Map((await loadSchemas()).map((api) => [api.name, api]));
  const memory = new Memory('p-');
  const failures = new Set<string>();
  let count = 0;
  for (const script of scripted) {
    for (const { api: name, version, body } of script.rows) {
      const api = byName.get(name);
      if (api === undefined) {
        failures.add(`${script.name}: there is no API ${name}`);
        continue;
      }
      for (const one of versionsOf(version, api.versions)) {
        count++;
        try {
          encodeRequest(api, one, requestOf(api, one, memory.resolve(body)), new Writer(1 << 20));
        } catch (error) {
          failures.add(`${script.name}: ${name} v${one}: ${error instanceof Error ? error.message : error}`);
        }
      }
    }
  }
  expect([...failures]).toEqual([]);
  expect(count).toBeGreaterThan(400);
});

it('gives the same plan for the same seed and number, and another one otherwise', async () => {
  const offered = (await loadSchemas()).map((api) => ({ api, versions: api.versions }));
  const text = (plan: ReturnType<typeof makePlan>) =>
    JSON.stringify(plan.steps.map(({ api, version, template, damage }) => [api.key, version, template, damage]));
  expect(text(makePlan(7, 3, offered, null))).toBe(text(makePlan(7, 3, offered, null)));
  expect(text(makePlan(7, 3, offered, null))).not.toBe(text(makePlan(7, 4, offered, null)));
  expect(text(makePlan(7, 3, offered, null))).not.toBe(text(makePlan(8, 3, offered, null)));
});
