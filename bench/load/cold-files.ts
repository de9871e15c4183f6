/**
 * Makes the files of a topic cold: written to the device, then dropped from the page cache, whoever's broker wrote them. Called
 * by the benches that read from the device; only on this machine and only with the native part.
 */
import { closeSync, fdatasyncSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { loadNative } from '../../src/zerocopy/native.ts';

/** False without the native part: then nothing can be made cold. */
export function chillTopic(dataFolder: string, topic: string): boolean {
  const { native } = loadNative();
  if (native === null) return false;
  const partitions = readdirSync(dataFolder).filter(
    (name) => /^-\d+$/.test(name.slice(topic.length)) && name.startsWith(topic),
  );
  if (partitions.length === 0) throw new Error(`${dataFolder} holds no partition of ${topic}`);
  for (const partition of partitions) {
    const folder = join(dataFolder, partition);
    for (const name of readdirSync(folder).filter((entry) => entry.endsWith('.log'))) {
      const fd = openSync(join(folder, name), 'r+');
      fdatasyncSync(fd);
      native.chill(fd, 0, 0);
      closeSync(fd);
    }
  }
  return true;
}
