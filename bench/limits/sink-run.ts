/** The producing limit program for one run: started for it alone, with the frames that a broker gets. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ProduceFrames } from '../load/frames.ts';
import { type LoadPlan, type LoadProgress, type LoadResult, runLoad } from '../load/generator.ts';
import { ServingProgram } from '../load/programs.ts';

const FRAME_BYTES_LEAST = 1 << 18;

export type SinkLoad = Omit<LoadPlan, 'host' | 'port' | 'pid' | 'framesFile'>;

export async function runSink(
  folder: string,
  frames: ProduceFrames,
  load: SinkLoad,
  onProgress: (progress: LoadProgress) => void,
): Promise<LoadResult> {
  const file = join(folder, 'sink.log');
  const sink = await ServingProgram.start('sink', {
    file,
    'head-bytes': frames.headBytes,
    'tail-bytes': frames.tailBytes,
    'frame-bytes-max': Math.max(FRAME_BYTES_LEAST, 2 * frames.frameBytes),
  });
  try {
    const target = { host: '127.0.0.1', port: sink.port, pid: sink.pid, framesFile: frames.file };
    return await runLoad({ ...load, ...target }, onProgress);
  } finally {
    await sink.stop();
    rmSync(file, { force: true });
  }
}
