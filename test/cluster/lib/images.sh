# Sourced by run.sh: every image that the cluster needs, as an archive in $ARCHIVES. No registry is asked: the base
# images are made of Debian's packages and npm's Node binary, and a sidecar's image is its program alone.
# shellcheck shell=bash

DEBIAN_IMAGE=localhost/debian:bookworm-slim
NODE_IMAGE=localhost/node:24-bookworm-slim
DRIVER_IMAGE=localhost/cluster-test/driver

build_images() {
  local image
  configure_buildah
  # shellcheck disable=SC2153 # set in common.sh
  pack "$PAUSE_IMAGE" pause
  pack_shell
  pack "$PROMETHEUS_IMAGE" prometheus promtool
  for image in $(manifest_images); do
    case $image in
      csi-driver-hostpath:*) build_driver_image "$image" ;;
      */csi-node-driver-registrar:*) pack "$image" node-driver-registrar ;;
      */livenessprobe:* | */csi-provisioner:* | */csi-resizer:* | */csi-snapshotter:* | */snapshot-controller:* | \
        */csi-snapshot-metadata:*)
        pack "$image" "$(name_of "$image")"
        ;;
      *) fail "The manifests name $image, and the cluster test does not know how to make it." ;;
    esac
  done
}

# buildah keeps its images beside the rest of the cache, and mounts them where the host cannot see them.
configure_buildah() {
  mkdir -p "$CACHE/buildah/tmp"
  printf '[storage]\ndriver = "overlay"\ngraphroot = "%s"\nrunroot = "%s"\n' "$CACHE/buildah/store" "$CACHE/buildah/run" \
    >"$CACHE/buildah/storage.conf"
  export CONTAINERS_STORAGE_CONF=$CACHE/buildah/storage.conf TMPDIR=$CACHE/buildah/tmp BUILDAH_ISOLATION=chroot
  export -f compose_image
}

in_own_mounts() { unshare --mount --propagation private -- "$@"; }

name_of() { basename "${1%:*}"; }

# compose_image NAME CONFIGURATION CONTENT…: an image of directories and tar files, laid over each other
compose_image() {
  local name=$1 configuration=$2 container content
  shift 2
  container=$(buildah from scratch)
  for content in "$@"; do buildah add -q "$container" "$content" / >/dev/null; done
  # shellcheck disable=SC2086 # several words
  buildah config --os linux $configuration "$container"
  buildah commit -q --rm "$container" "$name"
}

# export_image LOCAL_NAME NAME FILE: as an archive, under the name that the manifests use
export_image() {
  rm -f "$3"
  in_own_mounts buildah push -q "$1" "docker-archive:$3:$2"
}

# pack IMAGE PROGRAM [COMPANION]: an image of a static program, and another one for use in its containers
pack() {
  local image=$1 program=$2 companion=${3:-} archive=$ARCHIVES/$2.tar
  [[ $archive -nt $BIN/$program && $(cat "$archive.name" 2>/dev/null) == "$image" ]] && return
  say "packing $image"
  make_image "localhost/cluster-test/$program" "--entrypoint [\"/$program\"]" "$BIN/$program" ${companion:+"$BIN/$companion"}
  export_image "localhost/cluster-test/$program" "$image" "$archive"
  echo "$image" >"$archive.name"
}

make_image() { in_own_mounts bash -euc 'compose_image "$@"' _ "$@" >>"$LOGS/images.log" 2>&1 || fail "$1 could not be made; see $LOGS/images.log."; }

# pack_shell: Debian's static busybox, for the pods of the checks
pack_shell() {
  local archive=$ARCHIVES/shell.tar tree=$CACHE/buildah/shell program
  program=$(command -v busybox)
  [[ $archive -nt $program ]] && return
  rm -rf "$tree"
  mkdir -p "$tree"/{bin,tmp,etc,proc,dev,sys}
  cp "$program" "$tree/bin/busybox"
  "$program" --list | grep -vx busybox | while read -r applet; do ln "$tree/bin/busybox" "$tree/bin/$applet"; done
  make_image localhost/cluster-test/shell '--env PATH=/bin' "$tree"
  export_image localhost/cluster-test/shell "$SHELL_IMAGE" "$archive"
}

# build_driver_image IMAGE [OPTION…]: from the Dockerfile, whose base images are the local ones
build_driver_image() {
  local image=$1
  shift
  make_base_images
  say "building $image"
  npm_settings
  in_own_mounts nice buildah bud --layers --pull-never -t $DRIVER_IMAGE \
    --build-arg BUILD_BASE="$NODE_IMAGE" --build-arg RUNTIME_BASE="$DEBIAN_IMAGE" \
    --build-arg BASE_NAME="$DEBIAN_IMAGE" --build-arg BASE_DIGEST="$(digest_of "$DEBIAN_IMAGE")" \
    "$@" "${npm_secrets[@]}" "$PROJECT" \
    >"$LOGS/driver-image.log" 2>&1 || fail "The driver's image could not be built; see $LOGS/driver-image.log."
  # buildah leaves the container of a stage that has no instructions.
  in_own_mounts buildah rm --all >/dev/null
  export_image $DRIVER_IMAGE "$image" "$ARCHIVES/driver.tar"
}

digest_of() { in_own_mounts buildah inspect --type image --format '{{.FromImageDigest}}' "$1"; }

# npm_settings: this host's registry and certificate authority, for npm inside the build
npm_settings() {
  local authority
  authority=$(npm config get cafile 2>/dev/null)
  npm_secrets=(--secret "id=npmrc,src=$CACHE/buildah/npmrc")
  echo "registry=$(npm config get registry 2>/dev/null)" >"$CACHE/buildah/npmrc"
  [[ -r $authority ]] || return 0
  echo "cafile=/run/secrets/ca.crt" >>"$CACHE/buildah/npmrc"
  npm_secrets+=(--secret "id=ca,src=$authority")
}

# make_base_images: stand-ins for debian:bookworm-slim and node:24-bookworm-slim
make_base_images() {
  ! { is_image "$DEBIAN_IMAGE" && is_image "$NODE_IMAGE"; } || return 0
  say "making the base images of Debian's packages and npm's Node 24"
  local work=$CACHE/buildah/base path='--env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  rm -rf "$work"
  mkdir -p "$work/packages"
  make_debian "$work/debian.tar"
  unpack_node "$work/packages" "$work/node"
  make_image "$DEBIAN_IMAGE" "$path --cmd bash" "$work/debian.tar"
  make_image "$NODE_IMAGE" "$path --cmd node" "$work/debian.tar" "$work/node"
  rm -rf "$work"
}

is_image() { in_own_mounts buildah inspect --type image "$1" >/dev/null 2>&1; }

make_debian() {
  local without=(--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*'
    --dpkgopt='path-exclude=/usr/share/locale/*')
  nice mmdebstrap --quiet --variant=minbase --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
    --include=ca-certificates,usr-is-merged "${without[@]}" bookworm "$1" \
    </dev/null >"$LOGS/base-image.log" 2>&1 || fail "The base image could not be made; see $LOGS/base-image.log."
}

# unpack_node PACKAGES TREE: node and npm below TREE/usr/local
unpack_node() {
  local packages=$1 local_tree=$2/usr/local architecture
  case $(uname -m) in x86_64) architecture=x64 ;; aarch64) architecture=arm64 ;; *) fail "There is no Node for $(uname -m)." ;; esac
  npm pack --silent --pack-destination "$packages" "node-linux-$architecture@24" npm@11 >/dev/null ||
    fail "npm's registry does not give node-linux-$architecture@24 and npm@11."
  mkdir -p "$local_tree/bin" "$local_tree/lib/node_modules/npm"
  tar -xzf "$packages"/node-linux-*.tgz -C "$local_tree" --strip-components=1 package/bin/node package/LICENSE
  tar -xzf "$packages"/npm-11*.tgz -C "$local_tree/lib/node_modules/npm" --strip-components=1
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$local_tree/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$local_tree/bin/npx"
  chmod 755 "$local_tree/bin/node" "$local_tree"/lib/node_modules/npm/bin/*.js
}
