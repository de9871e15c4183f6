/**
 * A fault: the world misbehaved (disk, peer, limit, a person's input). It carries a code from one table, a sentence for
 * people that says what happened, to which thing, and what to do. Caught at a role's or an API's edge.
 */
export type FaultCode =
  | 'PB_BAD_SETTING'
  | 'PB_UNKNOWN_FLAG'
  | 'PB_PORT_TAKEN'
  | 'PB_BAD_ADDRESS'
  | 'PB_DATA_LOCKED'
  | 'PB_DATA_UNWRITABLE'
  | 'PB_DATA_NEWER'
  | 'PB_DATA_DAMAGED'
  /** Something in the data folder would lead out of it. */
  | 'PB_DATA_UNSAFE'
  | 'PB_DISK_FULL'
  | 'PB_DISK_ERROR'
  | 'PB_IO_PATH'
  | 'PB_NATIVE'
  | 'PB_PROTOCOL'
  | 'PB_CONNECTION'
  | 'PB_ANSWER'
  | 'PB_CLOSED'
  | 'PB_LIMIT'
  | 'PB_TIMEOUT'
  | 'PB_THREAD'
  /** Background work got no processor time: it is done again where it goes before others. */
  | 'PB_STARVED'
  /** The log of a coordinator could not be written: what it holds in memory is worth nothing until it is loaded anew. */
  | 'PB_LOG_LOST'
  | 'PB_FENCED';

export class Fault extends Error {
  override readonly name: string = 'Fault';
  readonly code: FaultCode;

  constructor(code: FaultCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

export function isFault(error: unknown): error is Fault {
  return error instanceof Fault;
}
