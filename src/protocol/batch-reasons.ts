/**
 * Why a batch was refused: a small number that travels in a receipt's slot, and the sentence a person gets to read in the
 * produce response. `batch-check` and `record-walk` give the numbers, the produce API asks for the text.
 */
export const REASON_NONE = 0;
export const REASON_NO_BATCH = 1;
export const REASON_OLD_FORMAT = 2;
export const REASON_SEVERAL_BATCHES = 3;
export const REASON_CUT_BATCH = 4;
export const REASON_BATCH_LENGTH = 5;
export const REASON_BASE_OFFSET = 6;
export const REASON_BATCH_TOO_LARGE = 7;
export const REASON_CRC = 8;
export const REASON_ATTRIBUTES = 9;
export const REASON_CONTROL_BATCH = 10;
export const REASON_COUNT = 11;
export const REASON_OFFSET_RANGE = 12;
export const REASON_PRODUCER = 13;
export const REASON_CODEC_UNKNOWN = 14;
export const REASON_ZSTD_REFUSED = 15;
export const REASON_COMPRESSED_BYTES = 16;
export const REASON_TIMESTAMP_TYPE = 17;
export const REASON_TIMESTAMP_TOO_OLD = 18;
export const REASON_TIMESTAMP_AHEAD = 19;
export const REASON_TIMESTAMP_INEXACT = 20;
export const REASON_NULL_KEY = 21;
export const REASON_RECORD_LENGTH = 22;
export const REASON_RECORD_OFFSET = 23;
export const REASON_RECORD_FIELDS = 24;
export const REASON_RECORD_HEADERS = 25;
export const REASON_TRAILING_BYTES = 26;
export const REASON_DISK_FULL = 27;

const TEXTS: readonly string[] = [
  '',
  'the partition has no record batch in this request; send exactly one',
  'the batch has an old message format; only record batches of format 2 are taken',
  'the partition has more than one record batch in this request; send exactly one',
  'the batch ends before the length its header states',
  'the length in the batch header is too small for a batch',
  'a producer must leave the base offset of a batch at 0',
  'the batch is larger than max.message.bytes of the topic; send smaller batches or raise the limit',
  'the checksum of the batch does not fit its bytes: it was damaged on the way',
  'the batch sets attribute bits that have no meaning yet',
  'control batches are written by the broker only',
  'the batch states a record count that cannot be right for its size',
  'the offset range of the batch does not fit its record count',
  'producer id, epoch and sequence of the batch do not fit together',
  'the batch is compressed with an unknown codec',
  'zstd needs a newer produce request (version 7 or later)',
  'the compressed bytes of the batch cannot be decompressed, or become more bytes than this broker takes',
  'a producer must not mark timestamps as append times',
  'the timestamp lies further back than message.timestamp.before.max.ms allows',
  'the timestamp lies further ahead than message.timestamp.after.max.ms allows',
  'the timestamp is outside the range of exact numbers',
  'a compacted topic takes only records that have a key',
  'a record states a length that does not fit its batch',
  'the offsets of the records do not count up from 0',
  'a field of a record states a length that does not fit the record',
  'the headers of a record do not fit the record',
  'bytes follow the last record of the batch',
  'the disk of the broker is full; send again later',
];

export function reasonText(reason: number): string {
  return TEXTS[reason] ?? 'the batch was refused';
}

export function isTimestampReason(reason: number): boolean {
  return reason >= REASON_TIMESTAMP_TYPE && reason <= REASON_TIMESTAMP_INEXACT;
}
