#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Started by run.sh as the first process of namespaces of its own: brings Kubernetes up with the driver in it, and runs
# Kubernetes' External.Storage suite once for each file in deploy/e2e, and its tests of topology on three nodes. Whatever
# it starts ends with it.
set -euo pipefail
. "$(dirname "$0")/lib/common.sh"
. "$CLUSTER_TEST/lib/control-plane.sh"
. "$CLUSTER_TEST/lib/node.sh"
. "$CLUSTER_TEST/lib/deploy.sh"

SECONDS=${1:-0}
NODE=cluster-test
export KUBECONFIG=$STATE/admin.kubeconfig

# Pods that only wait need little of a processor.
PROCESSES=${E2E_PROCESSES:-4}
FOCUS=${E2E_FOCUS:-External.Storage}
# What is skipped by its title:
# - disruptive tests, which restart the kubelet through systemd
# - copies of a block volume that a pod is using: without a file system to freeze they would not be of one instant, so the
#   driver refuses them
# - the stress test of VolumeAttributesClasses, which changes claims before they have pods; with WaitForFirstConsumer they
#   are not bound then, and Kubernetes refuses it
# - volume populators, whose image only a registry has
SKIP='any volume data source|\[Disruptive\]|\[Feature:Windows\]|block volmode.*concurrently access the volume and its|volume-modify-stress'

passed=0
failed=0

main() {
  local definition name
  bring_up
  make_pools
  deploy_driver one-node
  add_flags driver --enable-controller-modify-volume --attach-limit=64 "${pool_flags[@]}"
  know_capacity_soon
  apply -f "$CLUSTER_TEST/e2e-classes.yaml"
  for definition in ${E2E_DRIVERS:-"$PROJECT"/deploy/e2e/*.yaml}; do
    name=$(basename "$definition" .yaml)
    if [[ $name == quotas && ${pool_flags[*]} != *quotas* ]]; then
      say 'skipped quotas: this kernel has no project quotas'
    else
      run_suite "$name" "$definition" "$FOCUS"
    fi
  done
  [[ -n ${E2E_DRIVERS:-} ]] || run_topology
  printf '%s %s\n' "$passed" "$failed" >"$STATE/counts"
}

# Each test has classes of its own, whose capacity must be known before their pods are scheduled.
know_capacity_soon() { add_flags csi-provisioner --kube-api-capacity-qps=50 --kube-api-capacity-burst=100; }

# run_topology: what needs several nodes
run_topology() {
  apply -k "$MANIFESTS/base"
  add_node 2
  add_node 3
  know_capacity_soon
  run_suite topology "$PROJECT/deploy/e2e/images.yaml" 'External.Storage.* topology should'
}

# The driver sees them there without mounts of its own.
DISKS=/var/lib/kubelet/plugins/e2e

# make_pools: a disk with qgroups, and one with project quotas if the kernel has them
make_pools() {
  make_disk btrfs loop mkfs.btrfs
  btrfs quota enable "$DISKS/btrfs"
  pool_flags=("--pool=btrfs=$DISKS/btrfs/pool")
  make_disk quotas loop,prjquota mkfs.xfs || true
  [[ $(findmnt -no OPTIONS "$DISKS/quotas") != *prjquota* ]] || pool_flags+=("--pool=quotas=$DISKS/quotas/pool")
}

# make_disk NAME MOUNT_OPTIONS MKFS
make_disk() {
  local image=$STATE/$1 directory=$DISKS/$1
  truncate -s 20G "$image"
  "$3" -q "$image" >>"$LOGS/apply.log" 2>&1
  mkdir -p "$directory"
  mount -o "$2" "$image" "$directory" 2>>"$LOGS/apply.log"
}

# run_suite NAME DEFINITION FOCUS
run_suite() {
  local name=$1 report=$LOGS/e2e status=0
  mkdir -p "$report"
  say "running Kubernetes' suite with $name"
  ginkgo --procs="$PROCESSES" --no-color --silence-skips --focus="$3" --skip="$SKIP" --timeout=3h \
    --json-report="$name.json" --output-dir="$report" "$BIN/e2e.test" -- \
    --kubeconfig="$KUBECONFIG" --provider=skeleton --num-nodes="$(node_numbers | wc -l)" --storage.testdriver="$2" \
    >"$report/$name.log" 2>&1 || status=$?
  node "$PROJECT/scripts/e2e-summary.mjs" "$report/$name.json" "$STATE/e2e-counts" || status=1
  local own_passed=0 own_failed=1
  [[ ! -s $STATE/e2e-counts ]] || read -r own_passed own_failed <"$STATE/e2e-counts"
  rm -f "$STATE/e2e-counts"
  ((status == 0 || own_failed > 0)) || own_failed=1
  passed=$((passed + own_passed))
  failed=$((failed + own_failed))
}

main
