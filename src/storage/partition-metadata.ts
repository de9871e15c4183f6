/**
 * `partition.metadata`: the topic id a partition's folder belongs to, so that a topic deleted and created again under the
 * same name is not mixed up with its former self.
 */
import type { Disk } from './disk.ts';
import { PARTITION_METADATA_FILE } from './file-names.ts';

const VERSION = '0';

/** The topic id in base64url, null when the file is missing or cannot be read as one. */
export function readTopicId(disk: Disk, folder: string): string | null {
  const content = disk.readFile(`${folder}/${PARTITION_METADATA_FILE}`);
  if (content === null) return null;
  const lines = new TextDecoder().decode(content).split('\n');
  const match = /^topic_id:\s*([A-Za-z0-9_-]{22})\s*$/.exec(lines[1] ?? '');
  return lines[0]?.trim() === `version: ${VERSION}` && match !== null ? (match[1] ?? null) : null;
}

export function formatTopicId(topicId: string): Uint8Array {
  return new TextEncoder().encode(`version: ${VERSION}\ntopic_id: ${topicId}`);
}
