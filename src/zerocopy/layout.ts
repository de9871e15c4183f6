/**
 * Every number that two threads or two languages share. The C header `native-bindings/src/layout.h` is generated from
 * this file (`npm run layout`), and a test fails when it is stale. Nobody else types such a number a second time.
 *
 * A ring slot is 64 bytes: 16 Int32 words, or 8 Float64 numbers over the same bytes (word 2n and 2n+1 are number n).
 * Words 0-7 are integers, numbers 4-7 (words 8-15) carry offsets, positions and times, which need more than 32 bits.
 */

// ── ring ────────────────────────────────────────────────────────────────────────────────────────────────────────────
export const SLOT_BYTES = 64;
export const SLOT_WORDS = 16;
/** Head and tail live on cache lines of their own, so that producer and consumer do not fight over one line. */
export const RING_HEAD_WORD = 0;
export const RING_TAIL_WORD = 32;
export const RING_HEADER_BYTES = 256;

// ── fields every slot has ───────────────────────────────────────────────────────────────────────────────────────────
export const SLOT_KIND = 0;
/** Index of the exchange in the sender's pool; comes back untouched in the receipt. */
export const SLOT_EXCHANGE = 1;
/** Which partition entry of the exchange this is; comes back untouched. */
export const SLOT_ENTRY = 2;
/** Partition slot: index of the partition in the board and in the owner's table. */
export const SLOT_PARTITION = 3;

// ── jobs: front → worker ────────────────────────────────────────────────────────────────────────────────────────────
export const JOB_APPEND = 1;
export const JOB_READ = 2;
/** Gives a lease of an earlier ReadReceipt back. */
export const JOB_RELEASE = 3;
/** ListOffsets of one partition. */
export const JOB_FIND_OFFSET = 4;
/** OffsetForLeaderEpoch of one partition. */
export const JOB_FIND_EPOCH = 5;

/** JOB_APPEND: span in the sender's slab; the batch bytes exactly as they came over the wire. */
export const APPEND_AT = 4;
export const APPEND_LENGTH = 5;
export const APPEND_FLAGS = 6;
/** acks=all: the receipt waits for the high watermark. */
export const APPEND_FLAG_ACKS_ALL = 1;
/** The request came with Produce >= 7 and may carry zstd. */
export const APPEND_FLAG_ZSTD_ALLOWED = 2;
/** Written by the broker itself (control batches are allowed). */
export const APPEND_FLAG_INTERNAL = 4;
/** The transaction coordinator says that the partition is part of the batch's transaction. */
export const APPEND_FLAG_VERIFIED = 8;
/** The request came with Produce >= 12: its producer gets a new epoch with every transaction (KIP-890). */
export const APPEND_FLAG_BUMPS_EPOCH = 16;
/** With APPEND_FLAG_VERIFIED, in the bits from this one on: the guard that came with APPEND_UNVERIFIED. */
export const APPEND_GUARD_SHIFT = 8;
export const APPEND_GUARD_MASK = 0x3fffff;
/** When the front read the request, by the clock that all threads share; 0 where nobody measures. */
export const APPEND_SENT_NUMBER = 4;

/** JOB_READ */
export const READ_BYTES_MAX = 4;
export const READ_FLAGS = 5;
export const READ_FLAG_COMMITTED = 1;
/** Return the first batch whole even when it is larger than READ_BYTES_MAX. */
export const READ_FLAG_FIRST_BATCH_WHOLE = 2;
/** The client asked with Fetch < 10 and cannot take zstd batches. */
export const READ_FLAG_ZSTD_REFUSED = 4;
/** The leader epoch the client believes in, -1 to skip the check (all jobs but append and release). */
export const JOB_LEADER_EPOCH = 6;
export const READ_OFFSET_NUMBER = 4;

/** JOB_RELEASE */
export const RELEASE_LEASE = 4;

/** JOB_FIND_OFFSET: flags use READ_FLAG_COMMITTED; number 4 is the timestamp (-1 latest, -2 earliest, -3 max timestamp …). */
export const FIND_OFFSET_FLAGS = 5;
export const FIND_OFFSET_TIMESTAMP_NUMBER = 4;

/** JOB_FIND_EPOCH */
export const FIND_EPOCH_EPOCH = 4;

// ── receipts: worker → front ────────────────────────────────────────────────────────────────────────────────────────
export const RECEIPT_APPEND = 65;
export const RECEIPT_READ = 66;
export const RECEIPT_FIND_OFFSET = 67;
export const RECEIPT_FIND_EPOCH = 68;
/** Up to two aborted transactions of the read that follows (producer id, first offset pairs in numbers 4-7). */
export const RECEIPT_ABORTED = 69;
/** A watched partition moved: its parked fetches should look again. SLOT_PARTITION says which. */
export const RECEIPT_WAKE = 70;

/** Every receipt but RECEIPT_WAKE and RECEIPT_ABORTED: a Kafka error code, 0 for none. */
export const RECEIPT_ERROR = 4;

/** RECEIPT_APPEND: which record of the batch was refused (-1: none) and why (a code of `protocol/errors`' reasons). */
export const APPENDED_RECORD_INDEX = 5;
export const APPENDED_REASON = 6;
export const APPENDED_BASE_OFFSET_NUMBER = 4;
/** -1 unless the topic stamps LogAppendTime. */
export const APPENDED_TIME_NUMBER = 5;
export const APPENDED_LOG_START_NUMBER = 6;
/** When the batch was written (or flushed, where the answer waits for that), as APPEND_SENT_NUMBER; 0: nobody measures. */
export const APPENDED_DONE_NUMBER = 7;
/**
 * Stands where an error would: the first batch of a transaction in this log. Nothing is appended until the transaction
 * coordinator was asked; APPENDED_RECORD_INDEX holds the guard with which the job is to come again.
 */
export const APPEND_UNVERIFIED = 1000;

/** RECEIPT_READ: a region with a lease. Length 0 means no bytes and no lease. */
export const READ_DONE_FD = 5;
export const READ_DONE_LENGTH = 6;
export const READ_DONE_LEASE = 7;
export const READ_DONE_POSITION_NUMBER = 4;
export const READ_DONE_HIGH_NUMBER = 5;
export const READ_DONE_STABLE_NUMBER = 6;
export const READ_DONE_LOG_START_NUMBER = 7;

/** RECEIPT_ABORTED */
export const ABORTED_COUNT = 4;
export const ABORTED_FIRST_NUMBER = 4;

/** RECEIPT_FIND_OFFSET */
export const FOUND_LEADER_EPOCH = 5;
export const FOUND_OFFSET_NUMBER = 4;
export const FOUND_TIMESTAMP_NUMBER = 5;

/** RECEIPT_FIND_EPOCH */
export const FOUND_EPOCH_EPOCH = 5;
export const FOUND_EPOCH_END_OFFSET_NUMBER = 4;

// ── aide lane: worker → disk aide and back (what may block: bringing cold bytes into memory, flushing) ───────────────
export const JOB_WARM = 49;
export const JOB_SYNC = 50;
/** Begins to write a range of a file back, without waiting for it and without a promise. */
export const JOB_WRITE_BACK = 51;
/** Flushes the whole file system that the file lies on. */
export const JOB_SYNC_SYSTEM = 52;
/** The ticket of the asking worker travels in SLOT_EXCHANGE and comes back untouched, RECEIPT_ERROR is 0 or -errno. */
export const AIDE_FD = 4;
export const AIDE_LENGTH = 5;
export const AIDE_POSITION_NUMBER = 4;
export const RECEIPT_WARM = 113;
export const RECEIPT_SYNC = 114;
export const RECEIPT_WRITE_BACK = 115;
export const RECEIPT_SYNC_SYSTEM = 116;

// ── control lane: front → main and back ─────────────────────────────────────────────────────────────────────────────
/** One whole frame (without its length prefix) for the control plane; the exchange keeps the span until the receipt. */
export const JOB_CONTROL = 33;
/** A connection is gone: main forgets what it knew of it. */
export const JOB_CONNECTION_CLOSED = 34;
/** Whether the partitions of a Produce are part of its transaction. Its body lies at CONTROL_AT, as long as the exchange. */
export const JOB_VERIFY = 35;
/** As JOB_CONTROL, from a client that has to log in: whatever it sent, to be taken as part of that. */
export const JOB_LOGIN = 36;
/** JOB_VERIFY: the version of the request. */
export const VERIFY_VERSION = 6;
export const CONTROL_CONNECTION = 3;
export const CONTROL_AT = 4;
export const CONTROL_LENGTH = 5;

/** Response bytes of a control exchange; they lie in main's arena at CONTROL_REPLY_AT. Long replies come in several pieces. */
export const RECEIPT_CONTROL = 97;
/** A message (route image, quota, …) waits on the MessagePort of this lane: take it with receiveMessageOnPort. */
export const RECEIPT_POST = 98;
/** SLOT_ENTRY: one partition of the Produce that was asked about, RECEIPT_ERROR what keeps it from being written; -1: all. */
export const RECEIPT_VERIFIED = 99;
/** RECEIPT_VERIFIED: more of them follow. */
export const VERIFIED_MORE = 5;
export const CONTROL_REPLY_AT = 4;
export const CONTROL_REPLY_LENGTH = 5;
export const CONTROL_REPLY_FLAGS = 6;
/** Milliseconds that main was busy with the request; in every piece. */
export const CONTROL_REPLY_BUSY_NUMBER = 4;
/** More pieces of this reply follow. */
export const CONTROL_REPLY_MORE = 1;
/** Close the connection after (or, without bytes, instead of) this reply. */
export const CONTROL_REPLY_CLOSE = 2;

// ── board: one row a partition slot ─────────────────────────────────────────────────────────────────────────────────
/** 8 numbers a row: workers write, anyone reads. A reader takes one number at a time; each is written atomically. */
export const BOARD_ROW_NUMBERS = 8;
export const BOARD_ROW_BYTES = 64;
export const BOARD_LOG_START = 0;
export const BOARD_STABLE = 1;
export const BOARD_HIGH = 2;
export const BOARD_END = 3;
/** Bytes ever appended to the log since it was opened: differences tell how many bytes arrived. */
export const BOARD_BYTES = 4;
/** Words within the row (not numbers): bit n of the three is set while front n has parked fetches on the partition. */
export const BOARD_WATCHERS_WORD = 12;
export const BOARD_WATCHERS_WORDS = 3;
/** Word within the row: the leader epoch the owner works under, -1 while the slot is closed. */
export const BOARD_EPOCH_WORD = 15;
export const BOARD_SLOTS_MAX = 131_072;

// ── bell ────────────────────────────────────────────────────────────────────────────────────────────────────────────
/** One word a role. 0: awake; 1: asleep in a futex; 2: asleep in the kernel, wake by writing to its event descriptor. */
export const BELL_AWAKE = 0;
export const BELL_ASLEEP_FUTEX = 1;
export const BELL_ASLEEP_KERNEL = 2;
/** Asleep in an event loop of Node: wake by the MessagePort that came with the bell. */
export const BELL_ASLEEP_LOOP = 3;
export const BELL_BYTES = 64;

// ── kernel: what one front prepares for a turn of the native part, and what came of it ──────────────────────────────
/** A submission is 32 bytes: words 0-3 and, behind them, numbers 2 and 3. */
export const SUBMISSION_BYTES = 32;
export const SUBMISSION_OP = 0;
/** A socket, or a listener for the two operations of accepting. */
export const SUBMISSION_SOCKET = 1;
export const SUBMISSION_LENGTH = 2;
/** KERNEL_SEND_FILE, with or without MORE: the descriptor to read from. */
export const SUBMISSION_FILE = 3;
export const SUBMISSION_ADDRESS_NUMBER = 2;
export const SUBMISSION_POSITION_NUMBER = 3;

/** A completion is three words: the operation it ends, its socket, its result. */
export const COMPLETION_WORDS = 3;
export const COMPLETION_OP = 0;
export const COMPLETION_SOCKET = 1;
export const COMPLETION_RESULT = 2;

/** Operations. A cancelled receive completes as KERNEL_RECEIVE or KERNEL_READABLE; both sends complete as KERNEL_SEND. */
export const KERNEL_RECEIVE = 1;
export const KERNEL_READABLE = 2;
export const KERNEL_CANCEL_RECEIVE = 3;
export const KERNEL_SEND = 4;
/** As KERNEL_SEND, and another send follows at once. */
export const KERNEL_SEND_MORE = 5;
export const KERNEL_SEND_FILE = 6;
export const KERNEL_CLOSE = 7;
/** Stays until KERNEL_STOP_ACCEPTING; each connection is a completion with a new socket. */
export const KERNEL_ACCEPT = 8;
export const KERNEL_STOP_ACCEPTING = 9;
/** Only as a completion: accepting stopped with an error. */
export const KERNEL_ACCEPT_FAILED = 10;
/** As KERNEL_SEND_FILE, and another send follows at once. */
export const KERNEL_SEND_FILE_MORE = 11;

export const KERNEL_PATH_EPOLL = 0;
export const KERNEL_PATH_URING = 1;
export const KERNEL_LISTENERS_MAX = 16;

/** Bits of what a kernel offers, found out when it is opened. */
export const KERNEL_FEATURE_URING = 1;
export const KERNEL_FEATURE_DEFER_TASKRUN = 2;
export const KERNEL_FEATURE_MULTISHOT_ACCEPT = 4;
export const KERNEL_FEATURE_POLL_FIRST = 8;
export const KERNEL_FEATURE_NONBLOCKING_SOCKETS = 16;

/** A host that cannot be resolved: -(this + code of getaddrinfo). */
export const LISTEN_UNRESOLVED = 1000;
