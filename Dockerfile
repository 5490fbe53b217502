# Two images, `server` and `client`: Node, and one bundled file for each program.
#
# Without access to Docker Hub, name another base image:
#   docker compose build --build-arg NODE_IMAGE=registry.example/node:26.12.1-trixie-slim
ARG NODE_IMAGE=node:26.12.1-trixie-slim
# The version in package.json; the commit, such as `git rev-parse --short HEAD`; the address of the repository.
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=

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

# What runs Node, each file at its own path: the binary, and the libraries and the loader that ldd names for it.
FROM ${NODE_IMAGE} AS runtime-files
RUN mkdir -p /runtime/etc && \
    cp --parents --dereference /usr/local/bin/node $(ldd /usr/local/bin/node | grep -o '/[^ ]*') /runtime && \
    # The user's name, and how the C library looks host names up: in /etc/hosts, then with DNS.
    printf 'root:x:0:0:root:/:/sbin/nologin\nnode:x:1000:1000:node:/app:/sbin/nologin\n' >/runtime/etc/passwd && \
    printf 'root:x:0:\nnode:x:1000:\n' >/runtime/etc/group && \
    printf 'hosts: files dns\n' >/runtime/etc/nsswitch.conf

# Both images: no shell, no package manager, not root. Node brings its own CA certificates and time zones.
FROM scratch AS runtime
COPY --from=runtime-files /runtime /
ENV PATH=/usr/local/bin NODE_ENV=production
WORKDIR /app
USER 1000:1000
# What was built: in the images' labels, and for the programs themselves.
ARG VERSION
ARG REVISION
ARG SOURCE
ENV KNOCK_VERSION=${VERSION} KNOCK_REVISION=${REVISION}
LABEL org.opencontainers.image.version=${VERSION} \
      org.opencontainers.image.revision=${REVISION} \
      org.opencontainers.image.source=${SOURCE} \
      org.opencontainers.image.licenses=MIT

FROM runtime AS client
LABEL org.opencontainers.image.title="Knock client" \
      org.opencontainers.image.description="Says a message to the server and reports one outcome for each"
COPY --from=build /knock/services/client/dist/main.mjs ./
# An entrypoint, for `docker compose run client send "any text"`.
ENTRYPOINT ["node", "main.mjs"]

FROM runtime AS server
LABEL org.opencontainers.image.title="Knock server" \
      org.opencontainers.image.description="One port, every client: frames, lines of text, HTTP"
COPY --from=build /knock/services/server/dist/ ./
EXPOSE 12000
# The command itself gives up after 2 s; the longer timeout is for a busy machine.
HEALTHCHECK --interval=10s --timeout=15s --retries=3 --start-period=15s --start-interval=200ms \
    CMD ["node", "healthcheck.mjs"]
ENTRYPOINT ["node", "main.mjs"]
