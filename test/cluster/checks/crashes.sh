# A driver that is killed or stopped does not affect pods and volumes.
# shellcheck shell=bash

check_crashes() {
  check 'after SIGKILL between two pods, the driver still serves the volume' killed_between_pods
  check 'SIGKILL of the driver does not affect a running pod' killed_under_a_pod
  check 'a pod keeps its volume while the kubelet restarts' kubelet_restarts
  check 'an update of the driver does not affect volumes in use' updated_under_pods
  check 'SIGTERM stops the driver, process 1 of its container, gracefully' ends_in_order TERM
  check 'SIGINT stops the driver gracefully' ends_in_order INT
}

killed_between_pods() {
  claim crashed csi-hostpath-sc
  pod before crashed 'echo kept >/data/file'
  succeeds before
  remove pod/before
  signal_driver KILL
  pod after crashed 'grep -x kept /data/file'
  succeeds after
  remove pod/after
}

killed_under_a_pod() {
  pod busy crashed 'while sleep 0.1; do date >>/data/ticks; done'
  runs busy
  wait_for 30 'the first tick' in_pod busy 'test -s /data/ticks'
  signal_driver KILL
  local ticks
  ticks=$(in_pod busy 'wc -l </data/ticks')
  wait_for 30 'another tick' in_pod busy "[ \"\$(wc -l </data/ticks)\" -gt $ticks ]"
  in_pod busy 'grep -x kept /data/file; echo after >/data/after; grep -x after /data/after'
  [[ $(kubectl get pod busy -o jsonpath='{.status.containerStatuses[0].restartCount}') == 0 ]]
  remove pod/busy
}

kubelet_restarts() {
  pod lasting crashed 'while sleep 0.1; do date >>/data/ticks; done'
  runs lasting
  pkill -KILL -x kubelet
  local ticks
  start_kubelet 1
  wait_for 60 'the kubelet' in_pod lasting true
  ticks=$(in_pod lasting 'wc -l </data/ticks')
  wait_for 30 'another tick' in_pod lasting "[ \"\$(wc -l </data/ticks)\" -gt $ticks ]"
  [[ $(kubectl get pod lasting -o jsonpath='{.status.containerStatuses[0].restartCount}') == 0 ]]
  remove pod/lasting
}

# The next driver runs in another pod, and knows the volumes all the same.
updated_under_pods() {
  claim updated csi-hostpath-sc 64Mi
  claim updated-device csi-hostpath-sc 16Mi 'volumeMode: Block'
  pod updated updated "echo kept >/data/file; sync; $STAY"
  device_pod updated-device updated-device
  runs updated
  runs updated-device
  in_pod updated-device 'echo kept | dd of=/dev/data conv=notrunc,fsync'
  save_driver_logs
  in_driver_namespace rollout restart daemonset/csi-hostpathplugin
  driver_is_rolled_out
  snapshot updated-snapshot updated
  is_ready volumesnapshot/updated-snapshot
  kubectl patch pvc updated -p '{"spec": {"resources": {"requests": {"storage": "96Mi"}}}}'
  has_capacity updated 96Mi
  in_pod updated 'grep -x kept /data/file'
  in_pod updated-device 'head -c 5 /dev/data' | grep -x kept
  local volumes volume
  volumes=$(kubectl get pvc updated updated-device -o jsonpath='{.items[*].spec.volumeName}')
  remove pod/updated pod/updated-device volumesnapshot/updated-snapshot
  for volume in $volumes; do wait_for 60 "the device of $volume to go" has_no_device "$volume"; done
  remove pvc/updated pvc/updated-device
}

# has_no_device VOLUME: no loop device has its image
has_no_device() { ! losetup --list --noheadings --output BACK-FILE | grep -F "/$1-"; }

ends_in_order() {
  signal_driver "$1"
  [[ $(of_driver_container lastState.terminated.exitCode) == 0 ]]
  in_driver_namespace logs "$(driver_pod)" -c driver --previous | grep '"msg":"stopped"'
  local claim
  claim=after-$(tr '[:upper:]' '[:lower:]' <<<"$1")
  claim "$claim" csi-hostpath-sc
  is_bound "$claim"
}
