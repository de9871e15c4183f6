/** Why something a client asked for was not done: an error code of the protocol and a sentence for people. */
import { Bug } from '../base/assert.ts';
import { type Fault, type FaultCode, isFault } from '../base/fault.ts';
import { errorCode } from '../protocol/errors.ts';

export interface Refusal {
  readonly errorCode: number;
  readonly message: string;
}

export function refuse(code: number, message: string): Refusal {
  return { errorCode: code, message };
}

const CONFIG_VALUE_LENGTH_MAX = 32_767;

/** As in Kafka, before anything else is asked of the text of a setting. */
export function refusalOfLength(key: string, text: string): Refusal | null {
  if (text.length <= CONFIG_VALUE_LENGTH_MAX) return null;
  const message = `the text of ${key} has ${text.length} characters, more than ${CONFIG_VALUE_LENGTH_MAX}; give it a shorter one`;
  return refuse(errorCode.INVALID_CONFIG, message);
}

/** What a client is told about a fault. Bugs go on their way: they must not be answered. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Bug) throw error;
  if (!isFault(error)) throw error;
  return refuse(codeOfFault(error), ofStorage[error.code] ?? error.message);
}

/** Paths on the broker's machine are for its log, not for clients: of its disk they are told this. */
const ofStorage: { readonly [code in FaultCode]?: string } = {
  PB_DISK_FULL: 'the disk of the broker is full; free some space there, or lower the retention of topics',
  PB_DISK_ERROR: 'the disk of the broker failed; its log says how',
  PB_DATA_UNWRITABLE: 'the broker cannot write to its data folder; its log says why',
  PB_DATA_DAMAGED: 'data of the broker cannot be read; its log says which',
  PB_DATA_UNSAFE: 'something in the data folder of the broker is not as it should be; its log says what',
};

export function isOfStorage({ code }: Fault): boolean {
  return ofStorage[code] !== undefined;
}

function codeOfFault(fault: Fault): number {
  switch (fault.code) {
    case 'PB_DISK_FULL':
    case 'PB_DISK_ERROR':
    case 'PB_DATA_UNWRITABLE':
    case 'PB_DATA_DAMAGED':
      return errorCode.KAFKA_STORAGE_ERROR;
    case 'PB_LIMIT':
      return errorCode.POLICY_VIOLATION;
    case 'PB_TIMEOUT':
      return errorCode.REQUEST_TIMED_OUT;
    case 'PB_PROTOCOL':
      return errorCode.INVALID_REQUEST;
    default:
      return errorCode.UNKNOWN_SERVER_ERROR;
  }
}
