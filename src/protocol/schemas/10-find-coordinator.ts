/**
 * FindCoordinator: which broker looks after a group, a transaction or a share partition. Up to version 3 a request asks
 * for one key and the answer stands at the top; from version 4 on both are lists.
 */
import { defineApi } from '../api.ts';
import { array, between, int8, int16, int32, nullable, since, string, struct, until, withDefault } from '../fields.ts';

export const KEY_TYPE_GROUP = 0;
export const KEY_TYPE_TRANSACTION = 1;
/** Version 6. */
export const KEY_TYPE_SHARE = 2;

export const findCoordinator = defineApi({
  key: 10,
  name: 'FindCoordinator',
  versions: [0, 6],
  flexibleSince: 3,
  request: {
    key: until(3, withDefault(string(), '')),
    keyType: since(1, withDefault(int8(), KEY_TYPE_GROUP)),
    coordinatorKeys: since(4, withDefault(array(string()), [])),
  },
  response: {
    throttleTimeMs: since(1, withDefault(int32(), 0)),
    errorCode: until(3, withDefault(int16(), 0)),
    errorMessage: between(1, 3, withDefault(nullable(string()), null)),
    nodeId: until(3, withDefault(int32(), 0)),
    host: until(3, withDefault(string(), '')),
    port: until(3, withDefault(int32(), 0)),
    coordinators: since(
      4,
      withDefault(
        array(
          struct({
            key: string(),
            nodeId: int32(),
            host: string(),
            port: int32(),
            errorCode: int16(),
            errorMessage: withDefault(nullable(string()), null),
          }),
        ),
        [],
      ),
    ),
  },
});
