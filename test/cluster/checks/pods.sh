# What pods can do with a volume, and what they cannot.
# shellcheck shell=bash

check_pods() {
  check 'a file that a pod has written is read by its successor' file_outlives_its_pod
  check 'a pod that is not root writes, by its fsGroup' group_writes
  check 'a read-only mount refuses writes' read_only_refuses_writes
  check 'mountOptions of a StorageClass hold in the pod' mount_options_hold
  check 'a ReadWriteOncePod claim is for one pod at a time' one_pod_at_a_time
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
  # And they are more than words.
  in_pod optioned 'cp /bin/busybox /data/busybox; if /data/busybox true; then exit 1; fi'
  remove pod/optioned
}

one_pod_at_a_time() {
  claim single csi-hostpath-sc ReadWriteOncePod
  pod first single "$STAY"
  runs first
  pod second single "$STAY"
  kubectl wait --for=condition=PodScheduled=False --timeout=60s pod/second
  kubectl get pod second -o jsonpath='{.status.conditions[?(@.type=="PodScheduled")].message}' | grep ReadWriteOncePod
  remove pod/first
  runs second
  remove pod/second
}
