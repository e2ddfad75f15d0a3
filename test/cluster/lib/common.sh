# Sourced by every script of the cluster test: paths, and how to report progress.
# shellcheck shell=bash disable=SC2034
CLUSTER_TEST=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PROJECT=$(cd "$CLUSTER_TEST/../.." && pwd)

# Build results, kept from run to run.
CACHE=$PROJECT/.cache/cluster
BIN=$CACHE/bin
ARCHIVES=$CACHE/images
# Recreated by each run. The logs are kept, the state is removed.
LOGS=$CACHE/log
STATE=$CACHE/state

MANIFESTS=$PROJECT/deploy/kubernetes
# Its directories, in the order in which they are applied.
PARTS=(snapshot-controller base snapshot-classes)
EXAMPLES=$PROJECT/examples/kubernetes
# The CustomResourceDefinitions of snapshots, as their Go module has them.
DEFINITIONS=$CACHE/definitions
PAUSE_IMAGE=registry.k8s.io/pause:3.10.1
SHELL_IMAGE=localhost/shell:test
PROMETHEUS_IMAGE=localhost/prometheus:test

# Where the manifests, the presets of the chart and the commands of pages put volumes on a node.
DATA_DIRECTORIES=(/var/lib/csi-hostpath-data /var/lib/scratch.storage.example.org-data /var/mnt/csi-hostpath
  /data/csi-hostpath-data)
# Where the manifests, the pages and the kubelet write on a node. Inside the test's mount namespace each is a directory
# of $STATE; on the host itself nothing is written there.
NODE_DIRECTORIES=(/var/lib/kubelet /var/log/pods /var/log/containers "${DATA_DIRECTORIES[@]}" /mnt/nvme)

export PATH=$BIN:$PATH

# say TEXT: a line of progress, with the seconds since the start
say() { printf '[%3ds] %s\n' "$SECONDS" "$*"; }

# fail SENTENCE: ends the run
fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# wait_for SECONDS WHAT COMMAND…: repeats a command until it succeeds
wait_for() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || { echo "waited in vain for $what" >&2; return 1; }
    sleep 0.2
  done
}

# manifest_images: the images that the manifests name
manifest_images() {
  local part
  {
    for part in "${PARTS[@]}"; do kubectl kustomize "$MANIFESTS/$part"; done
    # Of components only this one adds an image.
    cat "$MANIFESTS/snapshot-metadata/plugin-patch.yaml"
  } | sed -n 's/^ *-\{0,1\} *image: //p' | sort -u
}
