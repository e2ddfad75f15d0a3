# A driver that dies, at once or in order, is no event for pods and volumes.
# shellcheck shell=bash

check_crashes() {
  check 'killed by SIGKILL between two pods, the driver goes on with the volume' killed_between_pods
  check 'killed by SIGKILL while a pod runs, the driver does not disturb it' killed_under_a_pod
  check 'SIGTERM ends the driver, process 1 of its container, in order' ends_in_order TERM
  check 'SIGINT does as well' ends_in_order INT
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

ends_in_order() {
  signal_driver "$1"
  [[ $(of_driver_container lastState.terminated.exitCode) == 0 ]]
  in_driver_namespace logs "$DRIVER_POD" -c driver --previous | grep '"msg":"stopped"'
  local claim
  claim=after-$(tr '[:upper:]' '[:lower:]' <<<"$1")
  claim "$claim" csi-hostpath-sc
  is_bound "$claim"
}
