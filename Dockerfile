# Base images, which a build without a registry replaces: Node with npm for the machine that builds, Node for the machine that
# the image is for, and Debian. Pinned by digest, so that the same source gives the same image.
ARG BUILD_BASE=node:24-bookworm-slim@sha256:6f7b03f7c2c8e2e784dcf9295400527b9b1270fd37b7e9a7285cf83b6951452d
ARG NODE_BASE=${BUILD_BASE}
ARG BASE_NAME=docker.io/library/debian:bookworm-slim
ARG BASE_DIGEST=sha256:96e378d7e6531ac9a15ad505478fcc2e69f371b10f5cdf87857c4b8188404716
ARG RUNTIME_BASE=${BASE_NAME}@${BASE_DIGEST}

FROM ${NODE_BASE} AS node

# --- the driver as a bundle; nothing in this stage runs in an emulator ------------------------------------------
# The two secrets are for networks whose registry needs its own settings or certificate authority; without them npm's
# defaults apply. Neither secret stays in a layer.
FROM --platform=${BUILDPLATFORM} ${BUILD_BASE} AS build
WORKDIR /driver
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=secret,id=ca,target=/run/secrets/ca.crt \
    npm ci --ignore-scripts --cache=/tmp/npm && rm -rf /tmp/npm
# The native modules for the machine that the image is for. npm has its own name for amd64.
ARG TARGETARCH
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=secret,id=ca,target=/run/secrets/ca.crt \
    mkdir target && cp package.json package-lock.json .npmrc target && cd target \
 && npm ci --ignore-scripts --omit=dev --os=linux --libc=glibc --cpu="$(echo "${TARGETARCH}" | sed s/amd64/x64/)" --cache=/tmp/npm \
 && rm -rf /tmp/npm
COPY tsconfig.json LICENSE ./
COPY proto proto
COPY scripts/image scripts/image
COPY scripts/lib/project.mjs scripts/lib/
COPY src src
RUN npm run bundle -- /bundle "${TARGETARCH}" target/node_modules && cp LICENSE /bundle \
 && if test -e /usr/local/LICENSE; then cp /usr/local/LICENSE /bundle/node-license.txt; fi

# --- the image --------------------------------------------------------------------------------------------------
FROM ${RUNTIME_BASE}
ARG TARGETARCH
# The programs that create file systems in images, and check and grow ext4; cryptsetup, which opens encrypted ones; GNU tar, which packs directories that move to another
# node, is in Debian's base. The rest is done by system calls. Of xfsprogs only
# mkfs.xfs is used, whose libraries are listed here; xfs_scrub would bring Python and ICU.
RUN if test "$(dpkg --print-architecture)" != "${TARGETARCH}"; then echo "The base image is not for ${TARGETARCH}." >&2; exit 1; fi \
 && apt-get update \
 && apt-get install --yes --no-install-recommends btrfs-progs cryptsetup-bin e2fsprogs libblkid1 libinih1 liburcu8 libuuid1 \
 && cd /tmp && apt-get download xfsprogs && dpkg --install --force-depends xfsprogs_*.deb && mkfs.xfs -V \
 && rm -rf /tmp/* /var/lib/apt/lists/* /var/cache/apt/*
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=build /bundle /app
COPY --chmod=755 scripts/image/csi-hostpath /usr/local/bin/csi-hostpath
# File operations use libuv's threads; the default of four is too few for a server that waits for disks.
ENV NODE_ENV=production \
    UV_THREADPOOL_SIZE=192
# The user stays root: the driver mounts. Node is process 1 and handles SIGTERM and SIGINT itself. With source maps, stack
# traces in the log name the lines of src/.
ENTRYPOINT ["node", "--enable-source-maps", "/app/main.js"]
ARG BASE_NAME
ARG BASE_DIGEST
ARG SOURCE=https://github.com/csi-driver-hostpath/csi-driver-hostpath
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="csi-driver-hostpath" \
      org.opencontainers.image.description="A CSI driver that turns directories on a node into Kubernetes volumes" \
      org.opencontainers.image.vendor="The csi-driver-hostpath maintainers" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.url="${SOURCE}" \
      org.opencontainers.image.documentation="${SOURCE}/tree/v${VERSION}/docs" \
      org.opencontainers.image.base.name="${BASE_NAME}" \
      org.opencontainers.image.base.digest="${BASE_DIGEST}"
