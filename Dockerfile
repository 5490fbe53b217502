# Two images, `server` and `client`: Node, and one bundled file for each program.
#
# Without access to Docker Hub, name another base image:
#   docker compose build --build-arg NODE_IMAGE=registry.example/node:26.12.1-trixie-slim
ARG NODE_IMAGE=node:26.12.1-trixie-slim

# Dependencies: this stage is cached until a manifest changes.
FROM ${NODE_IMAGE} AS dependencies
RUN --mount=type=cache,target=/root/.npm npm install --global --no-fund --no-audit pnpm@12.21.0
WORKDIR /knock
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml ./
COPY packages/shared/package.json packages/shared/
COPY services/server/package.json services/server/
COPY services/client/package.json services/client/
# Cache mounts outlive the build: pnpm verifies a lockfile with the registry only once, which takes 20 s.
RUN --mount=type=cache,target=/pnpm \
    pnpm install --frozen-lockfile --store-dir /pnpm/store --cache-dir /pnpm/cache \
    --filter './packages/**' --filter './services/**'

# One file for each program: the images need neither node_modules nor a package manager.
FROM dependencies AS build
COPY tsconfig.base.json ./
COPY packages packages
COPY services services
# Called directly: a pnpm script would run on the workspace's own Node.
RUN cd services/server && node_modules/.bin/rolldown --config rolldown.config.ts && \
    cd ../client && node_modules/.bin/rolldown --config rolldown.config.ts

# Both images: not root, and Node as the command without a shell, since a shell would not forward signals.
FROM ${NODE_IMAGE} AS runtime
# Smaller attack surface: no package managers at run time.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn* /opt/yarn*
ENV NODE_ENV=production
WORKDIR /app
USER 1000:1000

FROM runtime AS client
COPY --from=build /knock/services/client/dist/main.mjs ./
# An entrypoint, for `docker compose run client send "any text"`.
ENTRYPOINT ["node", "main.mjs"]

FROM runtime AS server
COPY --from=build /knock/services/server/dist/ ./
EXPOSE 12000
# The command itself gives up after 2 s; the longer timeout is for a busy machine.
HEALTHCHECK --interval=10s --timeout=15s --retries=3 --start-period=15s --start-interval=200ms \
    CMD ["node", "healthcheck.mjs"]
ENTRYPOINT ["node", "main.mjs"]
