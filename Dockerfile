# Two images, `server` and `client`, each with one bundled file for each of its programs on top of Node.
#
# The base is an argument, so that a site without Docker Hub can name its own:
#   docker compose build --build-arg NODE_IMAGE=registry.example/node:26.12.1-trixie-slim
ARG NODE_IMAGE=node:26.12.1-trixie-slim

# Dependencies, in a stage that changes only when a manifest does.
FROM ${NODE_IMAGE} AS dependencies
RUN --mount=type=cache,target=/root/.npm npm install --global --no-fund --no-audit pnpm@12.21.0
WORKDIR /knock
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml ./
COPY packages/shared/package.json packages/shared/
COPY services/server/package.json services/server/
COPY services/client/package.json services/client/
# Store and cache outlive a build: pnpm asks the registry about a lockfile only once, which takes 20 s.
RUN --mount=type=cache,target=/pnpm \
    pnpm install --frozen-lockfile --store-dir /pnpm/store --cache-dir /pnpm/cache \
    --filter './packages/**' --filter './services/**'

# One file for each program: the images need neither node_modules nor a package manager.
FROM dependencies AS build
COPY tsconfig.base.json ./
COPY packages packages
COPY services services
# The bundler itself, since a script would run on the Node that the workspace brings.
RUN cd services/server && node_modules/.bin/rolldown --config rolldown.config.ts && \
    cd ../client && node_modules/.bin/rolldown --config rolldown.config.ts

# What both images are, apart from the program: not root, and Node as the command, without a shell around it, so that it gets the signals.
FROM ${NODE_IMAGE} AS runtime
# What is not needed cannot be misused: none of Node's package managers at run time.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn* /opt/yarn*
ENV NODE_ENV=production
WORKDIR /app
USER 1000:1000

FROM runtime AS client
COPY --from=build /knock/services/client/dist/main.mjs ./
# An entrypoint, so that `docker compose run client send "any text"` reads as it should.
ENTRYPOINT ["node", "main.mjs"]

FROM runtime AS server
COPY --from=build /knock/services/server/dist/ ./
EXPOSE 12000
# The command gives up after two seconds by itself; the rest of its time is for a machine that is short of processor.
HEALTHCHECK --interval=10s --timeout=15s --retries=3 --start-period=15s --start-interval=200ms \
    CMD ["node", "healthcheck.mjs"]
ENTRYPOINT ["node", "main.mjs"]
