/** The records of whole batches as texts that name batch and record, so that one in the wrong place is seen. */
import { batchBytes, batchIsControl, batchLastOffset } from '../../src/protocol/batch.ts';
import { memoryOver, RecordCursor } from '../../src/protocol/records.ts';

export interface TextAtOffset {
  readonly offset: number;
  readonly text: string;
}

const decoder = new TextDecoder();

/** Records of whole batches; control batches count by their offset. */
export function recordsOf(bytes: Uint8Array): TextAtOffset[] {
  const memory = memoryOver(bytes.slice());
  const found: TextAtOffset[] = [];
  const cursor = new RecordCursor();
  for (let at = 0; at < bytes.length; at += batchBytes(memory.view, at)) {
    const length = batchBytes(memory.view, at);
    if (batchIsControl(memory.view, at)) {
      found.push({ offset: batchLastOffset(memory.view, at), text: 'control' });
      continue;
    }
    cursor.open(memory, at, length, 1 << 20);
    while (cursor.next()) {
      const key = cursor.key();
      const value = cursor.value();
      found.push({
        offset: cursor.offset,
        text: `${key === null ? '' : decoder.decode(key)} ${value?.length} ${cursor.timestamp}`,
      });
    }
  }
  return found;
}
