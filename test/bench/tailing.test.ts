/** The generator's own account of tailing consumers, against a real broker. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { BenchServer } from '../../bench/load/bench-server.ts';
import { tail } from '../../bench/load/tailing.ts';

it('counts every record once for each consumer that waited for it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-tailing-'));
  const server = await BenchServer.start({ broker: null, pid: 0, brokerArguments: [] });
  try {
    const plan = { folder, consumers: 5, recordsPerSecond: 100, recordBytes: 100, warmSeconds: 0, seconds: 1 };
    const result = await tail(server, plan, () => {});
    expect(result).toMatchObject({ errors: 0, unanswered: 0 });
    // On a busy machine the last records may find no place before the end; each of those counts once.
    const delivered = result.histogram.totalCount - result.unsent;
    expect(delivered % 5).toBe(0);
    expect(delivered).toBeGreaterThan(5 * 50);
    expect(delivered).toBeLessThanOrEqual(5 * 100);
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
