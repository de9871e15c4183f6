/** All schemas there are, for tests that hold for each of them: whatever lies in the folder, so that none is forgotten. */
import { readdirSync } from 'node:fs';
import type { Api } from '../../src/protocol/api.ts';

const folder = new URL('../../src/protocol/schemas/', import.meta.url);

function isApi(value: unknown): value is Api {
  return typeof value === 'object' && value !== null && 'key' in value && 'versions' in value && 'request' in value;
}

async function load(): Promise<Api[]> {
  const files = readdirSync(folder).filter((name) => /^\d+-.*\.ts$/.test(name));
  const modules: unknown[] = await Promise.all(files.map((name) => import(new URL(name, folder).href)));
  return modules.flatMap((module) => Object.values(module ?? {})).filter(isApi);
}

export const everyApi: readonly Api[] = await load();
