/**
 * The `--property KEY=VALUE` pairs of Apache Kafka's console tools, and settings in .properties files: read into a map,
 * with a sentence where a pair is none.
 */
import { readFileSync } from 'node:fs';
import { Fault } from '../base/fault.ts';
import { parseProperties, textOfProperties } from '../config/properties-file.ts';

export function propertiesOf(option: string, pairs: readonly string[]): Map<string, string> {
  const properties = new Map<string, string>();
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at <= 0) throw new Fault('PB_BAD_SETTING', `${option} ${pair} is not KEY=VALUE`);
    properties.set(pair.slice(0, at).trim(), pair.slice(at + 1));
  }
  return properties;
}

export function propertiesFrom(path: string): Map<string, string> {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new Fault('PB_BAD_SETTING', `${path} cannot be read; check the path and its rights`, { cause });
  }
  return new Map(parseProperties(textOfProperties(path, bytes)).map(({ key, value }) => [key, value]));
}

/** Null: not given. A misspelt value must not pass for another. */
export function chosenOf(
  properties: ReadonlyMap<string, string>,
  key: string,
  choices: readonly string[],
): string | null {
  const text = properties.get(key)?.trim();
  if (text === undefined || choices.includes(text)) return text ?? null;
  throw new Fault('PB_BAD_SETTING', `${key}=${text} is not known; one of ${choices.join(', ')}`);
}

export function isTrue(properties: ReadonlyMap<string, string>, key: string): boolean {
  return properties.get(key)?.trim().toLowerCase() === 'true';
}
