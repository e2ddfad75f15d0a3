#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# npm run test:cluster: the driver in a real Kubernetes of one node and then of three, without network access. Builds
# what is missing, makes the checks and leaves the host as it was. npm run test:e2e runs Kubernetes' own storage suite
# instead.
#
#   CHECKS='driver nodes'   makes only these checks, which are files in checks/; `backup` is made only if it is named here
#   KEEP=1                  keeps the cluster after the checks until Ctrl-C, and says how to look into it
set -euo pipefail
. "$(dirname "$0")/lib/common.sh"
. "$CLUSTER_TEST/lib/host.sh"
. "$CLUSTER_TEST/lib/build.sh"
. "$CLUSTER_TEST/lib/images.sh"
. "$CLUSTER_TEST/lib/e2e.sh"
. "$CLUSTER_TEST/lib/velero.sh"

# What runs in the cluster: cluster or e2e.
WORK=${1:-cluster}

main() {
  local obstacle
  obstacle=$(host_obstacle)
  [[ -z $obstacle ]] || fail "$obstacle"
  mkdir -p "$BIN" "$ARCHIVES" "$LOGS"
  exec 9>"$CACHE/lock"
  flock --nonblock 9 || fail "Another cluster test is running here."
  rm -rf "${LOGS:?}"/*
  install_packages
  build_programs
  build_images
  ! is_backup_wanted || build_velero
  [[ $WORK != e2e ]] || { build_e2e_programs; build_e2e_images; }
  run_cluster
}

# run_cluster: brings the cluster up, checks and takes it down, in namespaces that end with it
run_cluster() {
  local status=0
  remove_pod_cgroups
  rm -rf --one-file-system "$STATE"
  mkdir -p "$STATE"
  save_sysctls
  make_node_directories
  trap restore_host EXIT
  "${IN_NAMESPACES[@]}" "$CLUSTER_TEST/$WORK.sh" "$SECONDS" 9>&- &
  local namespaces=$!
  # shellcheck disable=SC2064 # the process of now
  trap "kill -KILL $namespaces 2>/dev/null || true" INT TERM
  while kill -0 "$namespaces" 2>/dev/null; do wait "$namespaces" 2>/dev/null || status=$?; done
  report "$status"
}

# report STATUS: the host is as it was, and the closing line
report() {
  local passed=0 failed=0 leftovers
  if [[ -s $STATE/counts ]]; then read -r passed failed <"$STATE/counts"; else
    echo "FAILED the cluster test ended before its checks (status $1)"
    failed=1
  fi
  trap - EXIT
  restore_host
  leftovers=$(host_leftovers)
  if [[ -z $leftovers ]]; then
    echo "ok the host is as it was: no mounts, cgroups, directories or settings left"
    passed=$((passed + 1))
  else
    printf 'FAILED the host is as it was\n%s\n' "$leftovers"
    failed=$((failed + 1))
  fi
  echo "$passed passed, $failed failed (${SECONDS} s)"
  ((failed == 0))
}

main
