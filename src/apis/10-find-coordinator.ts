/**
 * FindCoordinator, versions 0 to 6: which broker keeps a group, a transaction or a share partition. One key up to version
 * 3, many from version 4 on, share partitions from version 6 on. A single node keeps everything itself, once the topic for
 * it is there: the first question has it made.
 */

import { SHARE_STATE_TOPIC } from '../admin/internal-topics.ts';
import { type Refusal, refuse } from '../admin/refusal.ts';
import { must } from '../base/assert.ts';
import {
  CLUSTER_NAME,
  OPERATION_CLUSTER_ACTION,
  OPERATION_DESCRIBE,
  RESOURCE_CLUSTER,
  RESOURCE_GROUP,
  RESOURCE_TRANSACTIONAL_ID,
} from '../protocol/acl.ts';
import type { ElementOf, RequestOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import {
  findCoordinator,
  KEY_TYPE_GROUP,
  KEY_TYPE_SHARE,
  KEY_TYPE_TRANSACTION,
} from '../protocol/schemas/10-find-coordinator.ts';
import { parseShareKey } from '../shares/share-key.ts';
import { checks, codeOfDenial, needs } from './access.ts';
import { addressFor, type ControlContext, defineHandler, denial } from './define.ts';

type Request = RequestOf<typeof findCoordinator>;
type Response = ResponseInputOf<typeof findCoordinator>;
type Answer = ElementOf<NonNullable<Response['coordinators']>>;

const MANY_KEYS_SINCE = 4;
const SHARE_SINCE = 6;
const NO_NODE = { nodeId: -1, host: '', port: -1 };

/** Null: the coordinator of this key is here and ready. */
type Ready = (key: string, context: ControlContext) => Promise<Refusal | null>;

export const findCoordinatorHandler = defineHandler({
  api: findCoordinator,
  access: [
    needs<Request>(OPERATION_CLUSTER_ACTION, RESOURCE_CLUSTER, ({ keyType, coordinatorKeys }, apiVersion) =>
      keyType === KEY_TYPE_SHARE && apiVersion >= SHARE_SINCE && coordinatorKeys.length > 0 ? CLUSTER_NAME : null,
    ),
    checks(OPERATION_DESCRIBE, RESOURCE_GROUP),
    checks(OPERATION_DESCRIBE, RESOURCE_TRANSACTIONAL_ID),
  ],

  async handle(request, context) {
    const refusal = refusalOfType(request.keyType, context.apiVersion);
    if (refusal !== null) return refused(request, context, refusal);
    const ready = must(readyByType[request.keyType], 'every known type of coordinator is here');
    const keys = context.apiVersion < MANY_KEYS_SINCE ? [request.key] : request.coordinatorKeys;
    const answers = await Promise.all(
      keys.map(async (key) => answerOf(key, denialOf(key, request, context) ?? (await ready(key, context)), context)),
    );
    return shape(answers, context);
  },

  refuse: (request, refusal, context) => refused(request, context, refusal),
});

const readyByType: { readonly [keyType: number]: Ready | undefined } = {
  [KEY_TYPE_GROUP]: async (key, { services }) => {
    const code = await services.groups.coordinator.ready(key);
    return code === errorCode.NONE ? null : refuse(code, 'the coordinator of groups is not available yet; try again');
  },
  [KEY_TYPE_TRANSACTION]: async (_key, { services }) => {
    const code = await services.transactions.find();
    return code === errorCode.NONE
      ? null
      : refuse(code, 'the coordinator of transactions is not available yet; try again');
  },
  [KEY_TYPE_SHARE]: async (key, { services }) => {
    if (parseShareKey(key) === null) {
      return refuse(errorCode.INVALID_REQUEST, 'the key of a share partition is group:topicId:partition');
    }
    await services.internalTopics.ensure(SHARE_STATE_TOPIC);
    return null;
  },
};

function denialOf(key: string, { keyType }: Request, { permit }: ControlContext): Refusal | null {
  if (keyType === KEY_TYPE_SHARE) return null;
  const resourceType = keyType === KEY_TYPE_GROUP ? RESOURCE_GROUP : RESOURCE_TRANSACTIONAL_ID;
  return permit.may(OPERATION_DESCRIBE, resourceType, key) ? null : denial(codeOfDenial(resourceType));
}

function refusalOfType(keyType: number, apiVersion: number): Refusal | null {
  const isKnown = keyType >= KEY_TYPE_GROUP && keyType <= KEY_TYPE_SHARE;
  if (isKnown && (keyType !== KEY_TYPE_SHARE || apiVersion >= SHARE_SINCE)) return null;
  return refuse(
    errorCode.INVALID_REQUEST,
    `coordinators of the type ${keyType} are not known in version ${apiVersion}`,
  );
}

function answerOf(key: string, refusal: Refusal | null, context: ControlContext): Answer {
  if (refusal !== null) {
    return { key, ...NO_NODE, errorCode: refusal.errorCode, errorMessage: refusal.message };
  }
  const { host, port } = addressFor(context);
  const nodeId = context.services.controller.config.values['node.id'];
  // Old clients are told the name of the code, which for none is this.
  const errorMessage = context.apiVersion < MANY_KEYS_SINCE ? 'NONE' : '';
  return { key, nodeId, host, port, errorCode: errorCode.NONE, errorMessage };
}

function refused(request: Request, context: ControlContext, refusal: Refusal): Response {
  const keys = context.apiVersion < MANY_KEYS_SINCE ? [request.key] : request.coordinatorKeys;
  return shape(
    keys.map((key) => answerOf(key, refusal, context)),
    context,
  );
}

function shape(answers: readonly Answer[], { apiVersion }: ControlContext): Response {
  if (apiVersion >= MANY_KEYS_SINCE) return { coordinators: answers };
  const { key: _key, ...only } = answers[0] ?? answerNothing;
  return only;
}

const answerNothing: Answer = { key: '', ...NO_NODE, errorCode: errorCode.INVALID_REQUEST };
