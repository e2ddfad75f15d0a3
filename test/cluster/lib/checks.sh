# Sourced by cluster.sh: how a check is made, and what the checks are written with.
# shellcheck shell=bash source-path=SCRIPTDIR
for theme in driver claims pods sizes snapshots groups inline crashes features removal; do
  # shellcheck source=/dev/null
  . "$CLUSTER_TEST/checks/$theme.sh"
done

# shellcheck disable=SC2034 # used by the checks
DRIVER=hostpath.csi.k8s.io
DRIVER_POD=csi-hostpathplugin-0

passed=0
failed=0

run_checks() {
  mkdir -p "$LOGS/checks" "$LOGS/driver"
  check_driver
  check_claims
  check_pods
  check_sizes
  check_snapshots
  check_groups
  check_inline
  check_crashes
  check_features
  check_removal
}

# check TITLE FUNCTION [ARGUMENT]: one line; what the function ran is in the log named after it
check() {
  local title=$1 start=$SECONDS log=$LOGS/checks/$2${3:+-$3}.log
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

# example NAME: from examples/kubernetes, as it is
example() { kubectl apply -f "$EXAMPLES/$1.yaml"; }

# claim NAME CLASS [ACCESS_MODE]
claim() {
  kubectl apply -f - <<END
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: $1}
spec:
  storageClassName: $2
  accessModes: [${3:-ReadWriteOnce}]
  resources: {requests: {storage: 16Mi}}
END
}

# pod NAME CLAIM COMMAND [FIELD…]: a pod with the claim at /data that runs a shell command and is not restarted;
# FIELDs are further lines of its spec. With READ_ONLY=true the claim is used read-only.
pod() {
  local name=$1 claim=$2 command=$3
  shift 3
  kubectl apply -f - <<END
apiVersion: v1
kind: Pod
metadata: {name: $name}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
$(printf '  %s\n' "$@")
  containers:
    - name: shell
      image: $SHELL_IMAGE
      imagePullPolicy: Never
      command: [sh, -euc]
      args:
        - |
          $command
      volumeMounts: [{name: data, mountPath: /data}]
  volumes:
    - name: data
      persistentVolumeClaim: {claimName: $claim, readOnly: ${READ_ONLY:-false}}
END
}

# A command for pods that are looked into.
# shellcheck disable=SC2034 # used by the checks
STAY='exec sleep 3600'

# has_phase OBJECT PHASE: within a minute
has_phase() { kubectl wait --for=jsonpath='{.status.phase}'="$2" --timeout=60s "$1"; }

is_bound() { has_phase "pvc/$1" Bound; }
runs() { has_phase "pod/$1" Running; }

# succeeds POD: its command ended with 0
succeeds() { has_phase "pod/$1" Succeeded || { kubectl describe pod "$1"; kubectl logs "$1"; return 1; }; }

# in_pod POD COMMAND: its output
in_pod() { kubectl exec "$1" -- sh -euc "$2"; }

# remove OBJECT…: and waits until they are gone
remove() { kubectl delete --wait --timeout=60s "$@"; }

in_driver_namespace() { kubectl -n csi-hostpath "$@"; }

# of_driver_container FIELD: of the container's status
of_driver_container() {
  in_driver_namespace get pod "$DRIVER_POD" -o jsonpath="{.status.containerStatuses[?(@.name==\"driver\")].$1}"
}

# The kubelet keeps the log of one ended container only, so they are taken before each end.
save_driver_logs() { cp /var/log/pods/csi-hostpath_"$DRIVER_POD"_*/driver/*.log "$LOGS/driver/"; }

# signal_driver SIGNAL: sends it to the driver's process, from outside, and waits for the next one
signal_driver() {
  local container process restarts
  container=$(of_driver_container containerID)
  restarts=$(of_driver_container restartCount)
  process=$(ctr -n k8s.io tasks ls | awk -v id="${container#containerd://}" '$1 == id { print $2 }')
  save_driver_logs
  kill -s "$1" "$process"
  wait_for 60 'the next driver' has_restarted "$restarts"
  in_driver_namespace wait --for=condition=Ready --timeout=60s "pod/$DRIVER_POD"
}

has_restarted() { (($(of_driver_container restartCount) > $1)); }
