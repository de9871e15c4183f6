/** A memory cgroup of either version with a limit of its own, and a launcher that puts a program into it. For tests of bounds. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Version {
  readonly parent: string;
  readonly limitFile: string;
  readonly events: string;
}

const VERSIONS: readonly Version[] = [
  { parent: '/sys/fs/cgroup/memory', limitFile: 'memory.limit_in_bytes', events: 'memory.oom_control' },
  { parent: '/sys/fs/cgroup', limitFile: 'memory.max', events: 'memory.events' },
];

export class MemoryCgroup {
  /** To be run in place of Node: with the same arguments. */
  readonly launcher: string;
  private readonly folder: string;
  private readonly events: string;
  private readonly launcherFolder: string;

  private constructor(folder: string, events: string) {
    this.folder = folder;
    this.events = join(folder, events);
    this.launcherFolder = mkdtempSync(join(tmpdir(), 'perfbroker-cgroup-'));
    this.launcher = join(this.launcherFolder, 'node');
    const procs = join(folder, 'cgroup.procs');
    writeFileSync(this.launcher, `#!/bin/sh\necho $$ > "${procs}" && exec "${process.execPath}" "$@"\n`);
    chmodSync(this.launcher, 0o755);
  }

  /** Null where this machine, or this user, cannot have one. */
  static create(bytesMax: number): MemoryCgroup | null {
    for (const { parent, limitFile, events } of VERSIONS) {
      const folder = join(parent, `perfbroker-test-${process.pid}-${bytesMax}`);
      try {
        mkdirSync(folder);
      } catch {
        continue;
      }
      try {
        writeFileSync(join(folder, limitFile), String(bytesMax), { flag: 'r+' });
        return new MemoryCgroup(folder, events);
      } catch {
        rmdirSync(folder);
      }
    }
    return null;
  }

  /** Processes the kernel ended because the limit was reached. */
  get killedCount(): number {
    return Number(/^oom_kill (\d+)/m.exec(readFileSync(this.events, 'utf8'))?.[1] ?? 0);
  }

  /** When nobody is in it any more. */
  remove(): void {
    if (existsSync(this.folder)) rmdirSync(this.folder);
    rmSync(this.launcherFolder, { recursive: true, force: true });
  }
}
