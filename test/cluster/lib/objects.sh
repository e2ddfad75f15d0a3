# Sourced by cluster.sh: the objects that checks make.
# shellcheck shell=bash

# example NAME: from examples/kubernetes, unchanged
example() { kubectl apply -f "$EXAMPLES/$1.yaml"; }

# claim NAME CLASS [SIZE [FIELD…]]: FIELDs are further lines of its spec
claim() {
  local name=$1 class=$2 size=${3:-16Mi}
  shift $(($# < 3 ? $# : 3))
  kubectl apply -f - <<END
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: $name}
spec:
  storageClassName: $class
  accessModes: [${ACCESS_MODE:-ReadWriteOnce}]
  resources: {requests: {storage: $size}}
$(printf '  %s\n' "$@")
END
}

# Fields of a claim.
from_snapshot() { echo "dataSource: {apiGroup: snapshot.storage.k8s.io, kind: VolumeSnapshot, name: $1}"; }
from_claim() { echo "dataSource: {kind: PersistentVolumeClaim, name: $1}"; }

# snapshot NAME CLAIM
snapshot() {
  kubectl apply -f - <<END
apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshot
metadata: {name: $1}
spec:
  volumeSnapshotClassName: csi-hostpath-snapclass
  source: {persistentVolumeClaimName: $2}
END
}

# pod NAME CLAIM COMMAND [FIELD…]: a pod with the claim at /data that runs a shell command; FIELDs
# are further lines of its spec. $RESTART is its restart policy, Never by default; with READ_ONLY=true the claim is used
# read-only.
pod() {
  local name=$1 claim=$2 command=$3
  shift 3
  kubectl apply -f - <<END
apiVersion: v1
kind: Pod
metadata: {name: $name}
spec:
  restartPolicy: ${RESTART:-Never}
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

# device_pod NAME CLAIM: a pod with a block volume as /dev/data
device_pod() {
  kubectl apply -f - <<END
apiVersion: v1
kind: Pod
metadata: {name: $1}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: shell
      image: $SHELL_IMAGE
      imagePullPolicy: Never
      command: [sh, -euc, "$STAY"]
      volumeDevices: [{name: device, devicePath: /dev/data}]
  volumes:
    - name: device
      persistentVolumeClaim: {claimName: $2}
END
}

# A command for pods that the checks inspect.
# shellcheck disable=SC2034 # used by the checks
STAY='exec sleep 3600'

# has_no_volumes_of NAMESPACE: no PersistentVolume of its claims is left
has_no_volumes_of() {
  [[ -z $(kubectl get pv -o jsonpath="{.items[?(@.spec.claimRef.namespace==\"$1\")].metadata.name}") ]]
}
