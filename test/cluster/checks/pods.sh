# Permissions and mount options of a volume in its pods.
# shellcheck shell=bash

check_pods() {
  check 'a file written by a pod can be read by the next pod' file_outlives_its_pod
  check 'a non-root pod can write through its fsGroup' group_writes
  check 'a read-only mount refuses writes' read_only_refuses_writes
  check 'mountOptions of a StorageClass apply in the pod' mount_options_hold
  check 'a subPath of a volume is a directory of its own in the pod' sub_path_is_mounted
  check 'a generic ephemeral volume lives as long as its pod' ephemeral_claim_goes_with_its_pod
  check 'a ReadWriteOncePod claim is used by one pod at a time' one_pod_at_a_time
}

file_outlives_its_pod() {
  pod writer immediate 'echo kept >/data/file'
  succeeds writer
  remove pod/writer
  pod reader immediate 'grep -x kept /data/file'
  succeeds reader
  remove pod/reader
}

group_writes() {
  # shellcheck disable=SC2016 # expanded in the pod
  pod unprivileged immediate '[ "$(id -u)" = 1000 ]; echo mine >/data/mine; [ "$(stat -c %g /data/mine)" = 2000 ]' \
    'securityContext: {runAsUser: 1000, runAsGroup: 1000, runAsNonRoot: true, fsGroup: 2000}'
  succeeds unprivileged
  remove pod/unprivileged
}

read_only_refuses_writes() {
  READ_ONLY=true pod onlooker immediate \
    'if echo changed >/data/file || touch /data/new; then exit 1; fi; grep " /data ro," /proc/self/mountinfo'
  succeeds onlooker
  remove pod/onlooker
}

mount_options_hold() {
  kubectl apply -f - <<END
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: with-options}
provisioner: $DRIVER
mountOptions: [noexec, noatime]
END
  claim with-options with-options
  pod optioned with-options "$STAY"
  runs optioned
  local options
  options=,$(in_pod optioned "awk '\$5 == \"/data\" { print \$6 }' /proc/self/mountinfo"),
  [[ $options == *,noexec,* && $options == *,noatime,* ]]
  # And they take effect.
  in_pod optioned 'cp /bin/busybox /data/busybox; if /data/busybox true; then exit 1; fi'
  remove pod/optioned
}

one_pod_at_a_time() {
  ACCESS_MODE=ReadWriteOncePod claim single csi-hostpath-sc
  pod first single "$STAY"
  runs first
  pod second single "$STAY"
  kubectl wait --for=condition=PodScheduled=False --timeout=60s pod/second
  kubectl get pod second -o jsonpath='{.status.conditions[?(@.type=="PodScheduled")].message}' | grep ReadWriteOncePod
  remove pod/first
  runs second
  remove pod/second
}

sub_path_is_mounted() {
  kubectl apply -f - <<END
apiVersion: v1
kind: Pod
metadata: {name: sub-path}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  containers:
    - name: shell
      image: $SHELL_IMAGE
      imagePullPolicy: Never
      command: [sh, -euc, '[ ! -e /data/file ]; echo inner >/data/file; grep -x kept /all/file; grep -x inner /all/sub/path/file']
      volumeMounts: [{name: data, mountPath: /data, subPath: sub/path}, {name: data, mountPath: /all}]
  volumes:
    - name: data
      persistentVolumeClaim: {claimName: immediate}
END
  succeeds sub-path
  remove pod/sub-path
}

ephemeral_claim_goes_with_its_pod() {
  kubectl apply -f - <<END
apiVersion: v1
kind: Pod
metadata: {name: ephemeral}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  containers:
    - name: shell
      image: $SHELL_IMAGE
      imagePullPolicy: Never
      command: [sh, -euc, 'echo mine >/data/file; $STAY']
      volumeMounts: [{name: data, mountPath: /data}]
  volumes:
    - name: data
      ephemeral:
        volumeClaimTemplate:
          spec:
            storageClassName: csi-hostpath-wait
            accessModes: [ReadWriteOnce]
            resources: {requests: {storage: 16Mi}}
END
  runs ephemeral
  is_bound ephemeral-data
  remove pod/ephemeral
  wait_for 60 'the claim to go' claim_is_gone ephemeral-data
}

claim_is_gone() { ! kubectl get pvc "$1"; }
