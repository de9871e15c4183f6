/**
 * What a data API is: a request that the front answers by itself, with jobs to the workers. `apis/` fills the table, the
 * front calls it, and neither imports the other's insides.
 */
import type { Exchange } from './exchange.ts';
import type { FrontFace } from './front-face.ts';

export interface DataApi {
  readonly key: number;
  readonly name: string;
  readonly versionMin: number;
  readonly versionMax: number;
  /** Reads the request, sends its jobs. May be called again after BEGIN_WAITS. */
  begin(front: FrontFace, exchange: Exchange): number;
  /** One job came back. The front counts `pending` itself and afterwards looks whether the exchange is ready. */
  onReceipt(front: FrontFace, exchange: Exchange, words: Int32Array, wordAt: number, numbers: Float64Array): void;
  /** All jobs are back. True: the exchange is ready; false: it has sent further jobs, or parked. */
  onIdle(front: FrontFace, exchange: Exchange): boolean;
  /** A parked exchange should look again: its partitions moved, or its time is up. */
  onWake(front: FrontFace, exchange: Exchange, isDeadline: boolean): void;
  settle(front: FrontFace, exchange: Exchange): number;
  /** Called once when the exchange ends, answered or not: leases and sessions go back. */
  end(front: FrontFace, exchange: Exchange): void;
}
