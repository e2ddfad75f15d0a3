# Two base images, so that a build without a registry can supply its own: both need node, the first one also npm. Node
# 24.18, pinned by digest, so that the same source gives the same image.
ARG BUILD_BASE=node:24-bookworm-slim@sha256:6f7b03f7c2c8e2e784dcf9295400527b9b1270fd37b7e9a7285cf83b6951452d
ARG RUNTIME_BASE=node:24-bookworm-slim@sha256:6f7b03f7c2c8e2e784dcf9295400527b9b1270fd37b7e9a7285cf83b6951452d

# --- run-time dependencies of the driver, exactly as in the lock file, without those for development ------------
# The two secrets are for networks whose registry needs its own settings or certificate authority; without them npm's
# defaults apply. Neither secret stays in a layer.
FROM ${BUILD_BASE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=secret,id=ca,target=/run/secrets/ca.crt \
    npm ci --omit=dev --cache=/tmp/npm && rm -rf /tmp/npm

# --- the compiled driver ----------------------------------------------------------------------------------------
FROM ${BUILD_BASE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=secret,id=ca,target=/run/secrets/ca.crt \
    npm ci --cache=/tmp/npm && rm -rf /tmp/npm
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build && rm dist/.tsbuildinfo

# --- the image --------------------------------------------------------------------------------------------------
FROM ${RUNTIME_BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="csi-driver-hostpath" \
      org.opencontainers.image.description="A CSI driver that turns directories on a node into Kubernetes volumes" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# File operations use libuv's threads; the default of four is too few for a server that waits for disks.
ENV NODE_ENV=production \
    UV_THREADPOOL_SIZE=192
# The programs that create file systems in images, and check and grow ext4; the rest is done by system calls.
RUN apt-get update && apt-get install --yes --no-install-recommends btrfs-progs e2fsprogs xfsprogs \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY proto proto
COPY package.json LICENSE ./
# The user stays root: the driver mounts. Node is process 1 and handles SIGTERM and SIGINT itself.
ENTRYPOINT ["node", "/app/dist/main.js"]
