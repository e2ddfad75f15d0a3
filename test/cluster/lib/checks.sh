# Sourced by cluster.sh: runs the checks, and has what they share.
# shellcheck shell=bash source-path=SCRIPTDIR
# In the order in which they run; each may use what the ones before it have made.
themes=(driver claims pods rebuilt sizes snapshots inline crashes kills groups docs changed-blocks features nodes node-changes docs-nodes removal chart
  metrics docs-install)
# Only made if $CHECKS names it, because building Velero takes minutes.
optional_themes=(backup)
for theme in "${themes[@]}" "${optional_themes[@]}"; do
  # shellcheck source=/dev/null
  . "$CLUSTER_TEST/checks/$theme.sh"
done

# shellcheck disable=SC2034 # used by the checks
DRIVER=hostpath.csi.k8s.io

passed=0
failed=0

# run_checks: all, or those that $CHECKS names
run_checks() {
  local theme
  mkdir -p "$LOGS/checks" "$LOGS/driver"
  for theme in ${CHECKS:-"${themes[@]}"}; do "check_${theme//-/_}"; done
}

# check TITLE FUNCTION [ARGUMENT]: one line; what the function ran is in the log named after it
check() {
  local title=$1 start=$SECONDS log=$LOGS/checks/$2${3:+-${3//\//-}}.log
  shift
  # In the background, because `set -e` has no effect within a condition.
  (set -x; "$@") >"$log" 2>&1 &
  if wait $!; then
    passed=$((passed + 1))
    echo "ok $title ($((SECONDS - start)) s)"
  else
    failed=$((failed + 1))
    echo "FAILED $title ($((SECONDS - start)) s); the end of $log:"
    tail -n 12 "$log" | sed 's/^/    /'
  fi
}

# has_phase OBJECT PHASE: within a minute
has_phase() { kubectl wait --for=jsonpath='{.status.phase}'="$2" --timeout=60s "$1"; }

is_bound() { has_phase "pvc/$1" Bound; }
runs() { has_phase "pod/$1" Running; }

# succeeds POD: its command ended with 0
succeeds() { has_phase "pod/$1" Succeeded || { kubectl describe pod "$1"; kubectl logs "$1"; return 1; }; }

# in_pod POD COMMAND: its output
in_pod() { kubectl exec "$1" -- sh -euc "$2"; }

# remove OBJECT…: deletes them, and waits until they are gone
remove() { kubectl delete --wait --timeout=60s "$@"; }

in_driver_namespace() { kubectl -n csi-hostpath "$@"; }

# driver_pod [NUMBER]: the pod of the driver on that node, by default the first
driver_pod() {
  in_driver_namespace get pods -l app.kubernetes.io/component=plugin \
    --field-selector "spec.nodeName=$(node_name "${1:-1}")" -o jsonpath='{.items[0].metadata.name}'
}

# of_driver_container FIELD: of the container's status, on the first node
of_driver_container() {
  in_driver_namespace get pod "$(driver_pod)" -o jsonpath="{.status.containerStatuses[?(@.name==\"driver\")].$1}"
}

# The kubelet keeps the log of one ended container only, so they are taken before each end.
save_driver_logs() {
  local log pod
  for log in "$STATE"/node*/var/log/pods/csi-hostpath_csi-hostpathplugin-*/driver/*.log; do
    pod=$(basename "${log%/driver/*}")
    [[ ! -e $log ]] || cp "$log" "$LOGS/driver/$pod-$(basename "$log")"
  done
}

# driver_is_rolled_out: on every node, after a change of the DaemonSet
driver_is_rolled_out() {
  in_driver_namespace rollout status --timeout=180s daemonset/csi-hostpathplugin
  wait_for 60 'the CSINode entry' is_in_csi_node
}

# signal_driver SIGNAL: sends it to the driver's process, from outside, and waits for the next one
signal_driver() {
  local restarts
  restarts=$(of_driver_container restartCount)
  save_driver_logs
  kill -s "$1" "$(driver_process)"
  wait_for 60 'the next driver' has_restarted "$restarts"
  in_driver_namespace wait --for=condition=Ready --timeout=60s "pod/$(driver_pod)"
}

# driver_process: the id of the driver's process on the first node; fails if none runs
driver_process() {
  local container
  container=$(of_driver_container containerID)
  ctr -n k8s.io tasks ls | awk -v id="${container#containerd://}" '$1 == id && $3 == "RUNNING" { print $2; found = 1 } END { exit !found }'
}

has_restarted() { (($(of_driver_container restartCount) > $1)); }
