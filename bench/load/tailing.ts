/** One producer and many consumers that wait at the broker, on a topic of their own. Called by the benches that tail. */
import { join } from 'node:path';
import type { BenchServer } from './bench-server.ts';
import { writePollFrame, writeProduceFrames } from './frames.ts';
import { type LoadProgress, type LoadResult, runRelay } from './generator.ts';

export interface TailPlan {
  readonly folder: string;
  readonly consumers: number;
  readonly recordsPerSecond: number;
  readonly recordBytes: number;
  readonly warmSeconds: number;
  readonly seconds: number;
}

/** Counts deliveries: every record once for each consumer. */
export async function tail(
  server: BenchServer,
  plan: TailPlan,
  onProgress: (progress: LoadProgress) => void,
): Promise<LoadResult> {
  const topic = await server.makeTopic('tail', 1);
  try {
    await server.touchTopic(topic, 1);
    const { recordBytes } = plan;
    const shape = { topic, partitions: 1, batchBytes: recordBytes, recordBytes, codec: 0, acks: -1 };
    const frames = writeProduceFrames(join(plan.folder, 'produce-frames'), shape);
    const fetchFrameFile = join(plan.folder, 'poll-frame');
    return await runRelay(
      {
        host: server.host,
        port: server.port,
        pid: server.pid,
        framesFile: frames.file,
        fetchFrameFile,
        fetchOffsetAt: writePollFrame(fetchFrameFile, topic),
        topicBytes: Buffer.byteLength(topic),
        startOffset: 1,
        consumers: plan.consumers,
        recordsPerSecond: plan.recordsPerSecond,
        warmSeconds: plan.warmSeconds,
        seconds: plan.seconds,
      },
      onProgress,
    );
  } finally {
    await server.dropTopic(topic);
  }
}
