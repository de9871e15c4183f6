/**
 * Every schema there is, found by looking into the folder, so that an API takes part in the comparison from the moment on
 * in which its schema exists and both brokers advertise it.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Api } from '../../src/protocol/api.ts';

const folder = fileURLToPath(new URL('../../src/protocol/schemas/', import.meta.url));

export async function loadSchemas(): Promise<readonly Api[]> {
  const files = readdirSync(folder).filter((name) => /^\d+-.*(?<!\.d)\.(?:ts|js)$/.test(name));
  const apis = new Map<number, Api>();
  for (const file of files) {
    const module: Record<string, unknown> = await import(pathToFileURL(join(folder, file)).href);
    for (const exported of Object.values(module)) if (isApi(exported)) apis.set(exported.key, exported);
  }
  return [...apis.values()].sort((one, other) => one.key - other.key);
}

function isApi(value: unknown): value is Api {
  return typeof value === 'object' && value !== null && 'key' in value && 'request' in value && 'response' in value;
}
