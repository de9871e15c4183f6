# A small image of the broker: compiled in one stage, run in another as a user without rights, in a read-only file system
# but for its volume. How to run it, and what each part of the command means: docs/operations.md, "In a container".
#
#   docker build -t perfbroker .
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges -v perfbroker:/var/lib/perfbroker \
#     -p 127.0.0.1:9092:9092 perfbroker
ARG NODE=24-bookworm-slim

FROM node:${NODE} AS build
RUN apt-get update \
  && apt-get install -y --no-install-recommends gcc libc6-dev \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
COPY . .
RUN npm run build \
  && test -f native-bindings/build/perfbroker.node \
  && npm prune --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error \
  && sh packaging/assemble.sh /app

FROM node:${NODE}
# Nothing is installed or compiled here any more: what could do that is not needed.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn* \
    /usr/local/bin/yarn /usr/local/bin/yarnpkg \
  && install -d -o node -g node -m 0700 /var/lib/perfbroker
COPY --from=build /app /opt/perfbroker
USER node
ENV NODE_ENV=production
VOLUME /var/lib/perfbroker
EXPOSE 9092
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "/opt/perfbroker/dist/src/main.js", "health"]
ENTRYPOINT ["node", "/opt/perfbroker/dist/src/main.js"]
# Within the container every address is the container's own; which of them the world reaches is said with -p. The HTTP side
# stays on the container's loopback, where the health check asks it.
CMD ["--data", "/var/lib/perfbroker", "--host", "0.0.0.0", "--http-port", "9644"]
