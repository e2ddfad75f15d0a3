# SIGKILL in the middle: whatever ends, what was asked for is done in the end, and nothing is left over.
# shellcheck shell=bash

check_kills() {
  local what='the whole life of a claim succeeds although'
  check "$what the driver is killed in each step" \
    lives_through_kills driver create mount snapshot restore grow unmount delete
  check "$what the kubelet is killed in its steps" lives_through_kills kubelet mount grow unmount
  check "$what csi-provisioner is killed in its steps" lives_through_kills csi-provisioner create restore delete
  check "$what csi-resizer is killed in its step" lives_through_kills csi-resizer grow
  check "$what csi-snapshotter is killed in its steps" lives_through_kills csi-snapshotter snapshot delete
  check "$what the snapshot controller is killed in its steps" lives_through_kills snapshot-controller snapshot delete
}

# lives_through_kills VICTIM STEP…: kills the victim right after each of those steps is requested
lives_through_kills() {
  local victim=$1
  shift
  local steps=" $* "
  claim killed csi-hostpath-sc 64Mi
  kill_in create
  is_bound killed

  pod killed killed "echo kept >/data/file; sync; $STAY"
  kill_in mount
  runs killed
  wait_for 60 'the file' in_pod killed 'test -s /data/file'

  snapshot killed-snapshot killed
  kill_in snapshot
  is_ready volumesnapshot/killed-snapshot

  claim killed-restored csi-hostpath-sc 64Mi "$(from_snapshot killed-snapshot)"
  kill_in restore
  # It stays: a kubelet that is killed between its two calls for an ended pod forgets where the volume is staged.
  pod restored killed-restored "$STAY"
  runs restored
  in_pod restored 'grep -x kept /data/file'

  kubectl patch pvc killed -p '{"spec": {"resources": {"requests": {"storage": "96Mi"}}}}'
  kill_in grow
  has_capacity killed 96Mi
  in_pod killed 'grep -x kept /data/file'

  kubectl delete --wait=false pod/killed pod/restored
  kill_in unmount
  kubectl wait --for=delete --timeout=120s pod/killed pod/restored

  local volumes
  volumes=$(kubectl get pvc killed killed-restored -o jsonpath='{.items[*].spec.volumeName}')
  kubectl delete --wait=false volumesnapshot/killed-snapshot pvc/killed pvc/killed-restored
  kill_in delete
  # shellcheck disable=SC2086 # several
  kubectl wait --for=delete --timeout=120s pv $volumes
  wait_for 120 'the snapshot to go' no_snapshot_content_is_left
}

# kill_in STEP: the victim, if it is to be killed in this step
kill_in() {
  [[ $steps == *" $1 "* ]] || return 0
  case $victim in
    driver)
      wait_for 60 'a running driver' driver_process
      save_driver_logs
      kill -KILL "$(driver_process)"
      ;;
    kubelet)
      pkill -KILL -x kubelet
      start_kubelet 1
      ;;
    *)
      wait_for 60 "a running $victim" pgrep -f "^/$victim "
      pkill -KILL -f "^/$victim "
      ;;
  esac
}

no_snapshot_content_is_left() { [[ -z $(kubectl get volumesnapshotcontents -o name) ]]; }
