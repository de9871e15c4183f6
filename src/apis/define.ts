/**
 * Pairs an API's schema with what the broker does for it. One file per API key holds one handler; `control-table.ts`
 * lists them. A handler is glue: it turns a decoded request into calls to `admin/` or the controller, and what comes
 * back into a response. It knows nothing of frames, sockets and threads.
 */
import type { AutoCreation } from '../admin/auto-creation.ts';
import type { FeatureRange } from '../admin/features.ts';
import type { InternalTopics } from '../admin/internal-topics.ts';
import type { DataFolder } from '../admin/log-dirs.ts';
import type { MutationQuotas } from '../admin/mutation-quotas.ts';
import { isOfStorage, type Refusal, refusalOf, refuse } from '../admin/refusal.ts';
import { isFault } from '../base/fault.ts';
import type { Controller } from '../cluster/controller.ts';
import type { Address } from '../config/addresses.ts';
import type { Listener } from '../config/listeners.ts';
import type { GroupServices } from '../groups/group-services.ts';
import type { ConnectionFacts as FrontFacts } from '../net/control-lane.ts';
import type { Identity } from '../net/identity.ts';
import type { Api } from '../protocol/api.ts';
import { decodeRequest } from '../protocol/compile.ts';
import { errorCode, errorMessage } from '../protocol/errors.ts';
import { encodeResponseFrame } from '../protocol/frame.ts';
import { protocolFault, type Reader } from '../protocol/reader.ts';
import type { VersionRange } from '../protocol/registry.ts';
import { Writer } from '../protocol/writer.ts';
import type { AccessDesk } from '../security/access-desk.ts';
import type { AuditLog } from '../security/audit-log.ts';
import { checkKey, type Permit } from '../security/permit.ts';
import type { TransactionCoordinator } from '../transactions/transaction-coordinator.ts';
import type { MarkerWriter } from '../transactions/transaction-markers.ts';
import { type Access, missingRight, type StatedAccess } from './access.ts';
import { type AnswerErrors, hasError, hasSuccess } from './answer-errors.ts';
import type { ShareServices } from './share-services.ts';

export interface ConnectionFacts {
  /** Small number, unique while the connection lives. */
  readonly id: number;
  /** "address:port" of the client. */
  readonly peer: string;
  /** The address the client dialled. */
  readonly local: Address;
  readonly identity: Identity;
}

/** From what a front tells of a connection. */
export function factsOf({ connection, peer, localHost, localPort, identity }: FrontFacts): ConnectionFacts {
  return { id: connection, peer, local: { host: localHost, port: localPort }, identity };
}

/** What handlers may use; built once with the broker. */
export interface ControlServices {
  readonly controller: Controller;
  readonly autoCreation: AutoCreation;
  readonly internalTopics: InternalTopics;
  readonly groups: GroupServices;
  readonly shares: ShareServices;
  readonly transactions: TransactionCoordinator;
  readonly transactionMarkers: MarkerWriter;
  /** What ApiVersions answers: all APIs of the broker, also those the fronts answer themselves. */
  readonly ranges: readonly VersionRange[];
  readonly features: readonly FeatureRange[];
  readonly dataFolder: DataFolder;
  readonly mutationQuotas: MutationQuotas;
  readonly access: AccessDesk;
  /** Null: nobody wants metrics. */
  readonly answerErrors: AnswerErrors | null;
  /** What clients are not told the whole of goes into the log. */
  readonly complain: (api: string, message: string) => void;
  /** By name. */
  readonly listeners: ReadonlyMap<string, Pick<Listener, 'name' | 'protocol' | 'advertised'>>;
}

export interface ControlContext {
  readonly connection: ConnectionFacts;
  readonly clientId: string | null;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly nowMs: number;
  /** What the client may do. */
  readonly permit: Permit;
  readonly services: ControlServices;
}

export interface HandlerDefinition<Request, Response> {
  readonly api: Api<Request, unknown, unknown, Response>;
  /** Required, so that it cannot be forgotten; in the order in which it is checked. */
  readonly access: readonly [Access<NoInfer<Request>>, ...Access<NoInfer<Request>>[]];
  /** False: it can mean nothing to anybody, and the connection is closed, as for a body that cannot be read. */
  isSound?(request: NoInfer<Request>): boolean;
  /** For the audit log: names of what an administrator's request is about. Left out: it changes nothing of that kind. */
  subjectsOf?(request: NoInfer<Request>): readonly string[];
  handle(request: Request, context: ControlContext): Promise<Response> | Response;
  /** The answer when `handle` met a fault. */
  refuse(request: Request, refusal: Refusal, context: ControlContext): Response;
}

/** A handler as the table holds it: the types of its messages stay inside. */
export interface ControlHandler {
  readonly api: Api;
  readonly access: readonly StatedAccess[];
  /** What its permits may be asked for. */
  readonly declared: ReadonlySet<number>;
  /** Its requests are told to the audit log. */
  readonly isAudited: boolean;
  /** From the body of a request to a whole frame. Throws PB_PROTOCOL when the body cannot be read. */
  answer(body: Reader, context: ControlContext): Promise<Uint8Array>;
  /** The same for a request that is not handled. */
  refusal(body: Reader, refusal: Refusal, context: ControlContext): Uint8Array;
}

/** More than any answer needs: 100,000 partitions in Metadata are 4 MB. */
const RESPONSE_BYTES_MAX = 64 * 1024 * 1024;
/** Responses are encoded into the same memory, one after the other, as long as they are small. */
const SCRATCH_BYTES = 64 * 1024;
let scratch = new Writer(RESPONSE_BYTES_MAX, SCRATCH_BYTES);

function takeScratch(): Writer {
  if (scratch.capacity > SCRATCH_BYTES) scratch = new Writer(RESPONSE_BYTES_MAX, SCRATCH_BYTES);
  scratch.reset();
  return scratch;
}

export function defineHandler<Request, Response>(definition: HandlerDefinition<Request, Response>): ControlHandler {
  const { api, access } = definition;
  const encode = (response: Response, { apiVersion, correlationId }: ControlContext): Uint8Array => {
    const writer = takeScratch();
    encodeResponseFrame(api, apiVersion, correlationId, response, writer);
    return Buffer.from(writer.written());
  };
  return {
    api,
    access,
    declared: declaredBy(access),
    isAudited: definition.subjectsOf !== undefined,
    async answer(body, context) {
      const request = decodeRequest(api, context.apiVersion, body);
      if (definition.isSound?.(request) === false) throw protocolFault('the request has parts that mean nothing');
      const { access } = context.services;
      // Who switches the audit log off is the last to be in it.
      const before = access.changes;
      const response = await respond(definition, request, context);
      audit(definition, request, response, context.connection, before ?? access.changes);
      const frame = encode(response, context);
      // Behind the encoding, which an answer that is too large does not outlive.
      context.services.answerErrors?.note(api.key, response);
      return frame;
    },
    refusal: (body, refusal, context) =>
      encode(definition.refuse(decodeRequest(api, context.apiVersion, body), refusal, context), context),
  };
}

async function respond<Request, Response>(
  definition: HandlerDefinition<Request, Response>,
  request: Request,
  context: ControlContext,
): Promise<Response> {
  const missing = missingRight(definition.access, request, context.apiVersion, context.permit);
  if (missing !== errorCode.NONE) return definition.refuse(request, denial(missing), context);
  try {
    return await definition.handle(request, context);
  } catch (error) {
    if (!isFault(error)) throw error;
    if (isOfStorage(error)) context.services.complain(definition.api.name, error.message);
    return definition.refuse(request, refusalOf(error), context);
  }
}

function declaredBy(access: readonly StatedAccess[]): ReadonlySet<number> {
  const declared = new Set<number>();
  for (const one of access) if (one.kind !== 'open') declared.add(checkKey(one.operation, one.resourceType));
  return declared;
}

/** Denials were told when they happened, each for itself. */
function audit<Request, Response>(
  definition: HandlerDefinition<Request, Response>,
  request: Request,
  response: Response,
  connection: ConnectionFacts,
  changes: AuditLog | null,
): void {
  if (changes === null || definition.subjectsOf === undefined) return;
  const names = definition.subjectsOf(request);
  const shown = names.slice(0, AUDITED_NAMES_MAX).join(', ');
  const more = names.length > AUDITED_NAMES_MAX ? ` and ${names.length - AUDITED_NAMES_MAX} more` : '';
  const action = { identity: connection.identity, api: definition.api.name, what: shown + more };
  // Where no part of the answer has a code there was nothing to do, and anybody may ask for that.
  if (!hasSuccess(response)) changes.refused(action);
  else changes.changed(action, hasError(response) ? 'refused' : isOnlyCheck(request) ? 'checked' : 'done');
}

/** Under the same name in all that can ask whether something would be done. */
function isOnlyCheck(request: unknown): boolean {
  return typeof request === 'object' && request !== null && 'validateOnly' in request && request.validateOnly === true;
}

const AUDITED_NAMES_MAX = 10;

export function denial(code: number): Refusal {
  return refuse(code, errorMessage(code));
}

/** The address this client is told: the advertised one of the listener it came by, else the one it dialled. */
export function addressFor(context: ControlContext): Address {
  const advertised = context.services.listeners.get(context.connection.identity.listener)?.advertised ?? null;
  if (advertised !== null) return advertised;
  const { host, port } = context.connection.local;
  return { host: host.startsWith('::ffff:') ? host.slice('::ffff:'.length) : host, port };
}

/** The client's address as groups keep it, in Kafka's spelling: a slash, and no port. */
export function clientHost({ connection }: ControlContext): string {
  const { peer } = connection;
  return `/${peer.slice(0, peer.lastIndexOf(':'))}`;
}
