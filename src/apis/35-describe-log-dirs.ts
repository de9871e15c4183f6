/** DescribeLogDirs, versions 1 to 5: the one data folder, its room, and the bytes of partitions in it. */

import { describeSizes } from '../admin/log-dirs.ts';
import { OPERATION_DESCRIBE } from '../protocol/acl.ts';
import { errorCode } from '../protocol/errors.ts';
import { describeLogDirs } from '../protocol/schemas/35-describe-log-dirs.ts';
import { needsCluster } from './access.ts';
import { defineHandler } from './define.ts';

const ofStrangers: readonly number[] = [errorCode.CLUSTER_AUTHORIZATION_FAILED, errorCode.ILLEGAL_SASL_STATE];

export const describeLogDirsHandler = defineHandler({
  api: describeLogDirs,
  access: [needsCluster(OPERATION_DESCRIBE)],

  async handle(request, { services }) {
    const { controller, dataFolder } = services;
    const sizes = await describeSizes(controller, request.topics);
    return {
      errorCode: errorCode.NONE,
      results: [
        {
          errorCode: errorCode.NONE,
          logDir: dataFolder.path,
          topics: sizes.map(({ name, partitions }) => ({
            name,
            partitions: partitions.map(({ partition, sizeBytes }) => ({
              partitionIndex: partition,
              partitionSize: sizeBytes,
              offsetLag: 0,
              isFutureKey: false,
            })),
          })),
          ...dataFolder.room(),
        },
      ],
    };
  },

  refuse: (_request, { errorCode: code }, { services }) => ({
    errorCode: code,
    // Where the data is, is told to those only who may know it.
    results: ofStrangers.includes(code) ? [] : [{ errorCode: code, logDir: services.dataFolder.path, topics: [] }],
  }),
});
