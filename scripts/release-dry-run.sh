#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR source-path=SCRIPTDIR/../test/cluster
# npm run release:dry-run: everything of a release that needs no registry, for this machine's architecture: the image, what it
# contains, the chart and the notes. The results are in .cache/release; nothing stays mounted or running.
set -euo pipefail
. "$(dirname "$0")/../test/cluster/lib/common.sh"
. "$CLUSTER_TEST/lib/host.sh"
. "$CLUSTER_TEST/lib/images.sh"

OUTPUT=$PROJECT/.cache/release
DRIVER_IMAGE=localhost/release/driver
# Where a release is published; nothing is sent there.
REGISTRY=registry.example.org/csi
SOURCE=https://git.example.org/csi-driver-hostpath
# All that is needed here, of the requirements of the cluster test.
# shellcheck disable=SC2034 # read by host.sh
PACKAGE_OF=([buildah]=buildah [mmdebstrap]=mmdebstrap
  [/usr/share/keyrings/debian-archive-keyring.gpg]=debian-archive-keyring)

main() {
  cd "$PROJECT"
  [[ -z $(obstacle) ]] || fail "$(obstacle)"
  mkdir -p "$BIN" "$ARCHIVES" "$LOGS"
  exec 9>"$CACHE/lock"
  flock --nonblock 9 || fail 'The cluster test is running here, which uses the same base images.'
  rm -rf "$OUTPUT"
  mkdir -p "$OUTPUT"
  version=$(node -p 'require("./package.json").version')
  install_packages
  node scripts/check-release.mjs
  make_image_of_release
  check_image
  list_components
  make_chart
  make_plugin
  write_notes
  report_leftovers
  say "version $version is ready in $OUTPUT"
  ls -l "$OUTPUT"
}

# obstacle: why this cannot run here, in a sentence, or nothing
obstacle() {
  if ((EUID != 0)); then echo 'Building the image needs root: it mounts.'
  elif ! has go; then echo 'Helm, syft and krew are built from their modules, which needs Go.'
  elif ! has npm; then echo 'The image is built with npm.'
  elif [[ -n $(missing_packages) ]] && ! has apt-get; then echo "This needs $(missing_packages), and there is no apt-get here."
  fi
}

# go_tool MODULE: the path of a program
go_tool() { node scripts/tools/go-tool.mjs "$1"; }

make_image_of_release() {
  configure_buildah
  trap 'in_own_mounts buildah rmi $DRIVER_IMAGE >/dev/null 2>&1 || true' EXIT
  # buildah keeps a layer although an argument in its labels has changed.
  build_driver_image "csi-driver-hostpath:$version" --layers=false \
    --build-arg VERSION="$version" --build-arg SOURCE="$SOURCE" \
    --build-arg REVISION="$(git rev-parse HEAD)" --build-arg CREATED="$(git show --no-patch --format=%cI)"
  mv "$ARCHIVES/driver.tar" "$OUTPUT/image.tar"
}

# check_image: its labels, and that its programs run
check_image() {
  say 'checking the image'
  local label value
  for label in title description vendor licenses version revision created source url documentation base.name base.digest; do
    value=$(in_own_mounts buildah inspect --type image --format "{{index .OCIv1.Config.Labels \"org.opencontainers.image.$label\"}}" \
      $DRIVER_IMAGE)
    [[ -n $value && $value != unknown ]] || fail "The image has no label $label."
  done
  # shellcheck disable=SC2016 # expanded in the image
  in_image '
    [ "$(node /app/main.js --version)" = "csi-driver-hostpath '"$version"'" ]
    node --eval "require(\"/app/koffi.node\")"
    for program in mkfs.ext4 mkfs.xfs mkfs.btrfs e2fsck resize2fs; do command -v "$program" >&2; done
    for program in npm yarn corepack python3; do if command -v "$program" >&2; then exit 1; fi; done
    dpkg-query --show >/output/debian-packages.txt
    cp /app/dependencies.cdx.json /output' || fail "The image does not run; see $LOGS/image-check.log."
}

# in_image COMMAND: in a container, with $OUTPUT at /output
in_image() {
  # shellcheck disable=SC2016 # expanded by that shell
  in_own_mounts bash -euc '
    container=$(buildah from --pull-never "$1")
    trap "buildah rm $container >/dev/null" EXIT
    buildah run --volume "$2:/output" "$container" -- sh -eu -c "$3"' _ $DRIVER_IMAGE "$OUTPUT" "$1" 2>"$LOGS/image-check.log"
}

list_components() {
  say 'listing the components of the image'
  local syft
  syft=$(go_tool scripts/tools/syft)
  "$syft" scan --quiet --config scripts/tools/syft/syft.yaml --source-name csi-driver-hostpath --source-version "$version" \
    "docker-archive:$OUTPUT/image.tar" -o "cyclonedx-json=$OUTPUT/image.cdx.json"
  node scripts/release/check-bill.mjs "$OUTPUT/image.cdx.json" "$OUTPUT/dependencies.cdx.json" "$OUTPUT/debian-packages.txt"
}

make_chart() {
  say 'packaging the chart'
  local package
  HELM=$(go_tool test/cluster/src/helm)
  export HELM
  package=$(node scripts/release/package-chart.mjs "$OUTPUT" "$REGISTRY" "$SOURCE")
  # The oldest version of Kubernetes that the chart accepts.
  "$HELM" template csi-hostpath "$package" --namespace csi-hostpath --kube-version 1.34.0 >"$OUTPUT/chart.yaml"
  grep -qF "image: $REGISTRY/csi-driver-hostpath:$version" "$OUTPUT/chart.yaml" ||
    fail "The packaged chart does not use the image $REGISTRY/csi-driver-hostpath:$version."
}

# make_plugin: as krew installs it
make_plugin() {
  say 'installing the plugin for kubectl with krew'
  local krew root
  node scripts/release/kubectl-plugin.mjs "$OUTPUT" "$SOURCE"
  krew=$(go_tool scripts/tools/krew)
  root=$(mktemp -d)
  KREW_ROOT=$root "$krew" install --manifest="$OUTPUT/hostpath.yaml" --archive="$OUTPUT/kubectl-hostpath-$version.tar.gz" \
    </dev/null >"$LOGS/krew.log" 2>&1 || fail "krew does not install the plugin; see $LOGS/krew.log."
  "$root/bin/kubectl-hostpath" --help >>"$LOGS/krew.log" || fail "The installed plugin does not run; see $LOGS/krew.log."
  rm -r "$root"
}

# write_notes: before a release has a section of its own in the changelog, the notes are the changes so far
write_notes() {
  local section=$version
  grep -q "^## $version - " CHANGELOG.md || section=Unreleased
  node scripts/release-notes.mjs "$section" "$SOURCE" >"$OUTPUT/notes.md"
}

report_leftovers() { ! grep -F "$CACHE" /proc/self/mountinfo || fail 'These mounts are left.'; }

main
