/** Error codes of transactions in the words of older clients: PRODUCER_FENCED came late to several APIs. */
import { errorCode } from '../protocol/errors.ts';

export function fencedUntil(sinceVersion: number, apiVersion: number, error: number): number {
  return error === errorCode.PRODUCER_FENCED && apiVersion < sinceVersion ? errorCode.INVALID_PRODUCER_EPOCH : error;
}

export function abortableUntil(sinceVersion: number, apiVersion: number, error: number): number {
  return error === errorCode.TRANSACTION_ABORTABLE && apiVersion < sinceVersion ? errorCode.INVALID_TXN_STATE : error;
}
