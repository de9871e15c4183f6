/**
 * The port to where catalog records are kept. Bodies: `file-store` for a single node; one over etcd for a cluster later.
 * One writer: the controller, one call at a time.
 */
import type { CatalogRecord } from './catalog-records.ts';

export interface OpenedMetadata {
  /** Every record there is, oldest first; empty at the very first start. */
  readonly records: readonly CatalogRecord[];
  /** Worth a line in the log, say a torn tail that was cut off. */
  readonly notices: readonly string[];
}

export interface MetadataStore {
  /** Throws Fault PB_DATA_DAMAGED, PB_DATA_NEWER, PB_DATA_UNWRITABLE. */
  open(): Promise<OpenedMetadata>;
  /** Resolves when the records would survive a power cut. After a rejection the store takes nothing more. */
  append(records: readonly CatalogRecord[]): Promise<void>;
  /** It has grown so much that `replaceAll` is worth it. */
  readonly isLong: boolean;
  /** All at once or not at all: afterwards the store holds exactly these records. Where it fails they are those from before. */
  replaceAll(records: readonly CatalogRecord[]): Promise<void>;
  close(): Promise<void>;
}
