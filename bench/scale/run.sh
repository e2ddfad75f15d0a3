#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR source-path=SCRIPTDIR/../../test/cluster
# npm run scale [-- NODES…]: what the driver costs a cluster, measured with a control plane whose nodes have no kubelets.
# Without numbers of nodes, the results become docs/explanation/scale.json and the tables of scale.md beside it.
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$CLUSTER_TEST/lib/host.sh"
. "$CLUSTER_TEST/lib/build.sh"

main() {
  local program
  ((EUID == 0)) || fail 'The measurement needs root: it mounts and makes namespaces.'
  for program in go ip jq openssl; do has "$program" || fail "The measurement needs $program."; done
  "${IN_NAMESPACES[@]}" true || fail 'The measurement needs namespaces of its own (mount, network, process ids).'
  rm -rf "$LOGS" "$STATE"
  mkdir -p "$BIN" "$LOGS" "$STATE"
  # A cluster test would change the numbers, and the programs.
  exec 9>"$CACHE/lock"
  flock --nonblock 9 || fail 'A cluster test is running here.'
  build_programs
  npm run --silent bundle -- "$BUNDLE"
  trap 'rm -rf "$STATE"' EXIT
  "${IN_NAMESPACES[@]}" "$SCALE/cluster.sh" "$@" 9>&-
}

main "$@"
