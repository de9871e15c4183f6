/**
 * Why a group says no: Kafka's error code and a sentence. Thrown inside this folder from wherever the reason is found,
 * caught where a request enters, before anything was written or changed.
 */
export class GroupRefusal extends Error {
  override readonly name = 'GroupRefusal';
  readonly errorCode: number;

  constructor(errorCode: number, message: string) {
    super(message);
    this.errorCode = errorCode;
  }
}
