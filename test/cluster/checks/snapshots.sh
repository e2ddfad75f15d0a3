# Volumes made from snapshots and from other volumes.
# shellcheck shell=bash

check_snapshots() {
  check 'a claim from a VolumeSnapshot has the old data after its source has changed' snapshot_is_restored
  check 'a claim cloned from another has its data, and is independent of it' claim_is_cloned
  check 'a snapshot of an image is made while its pod writes, and the pod goes on' written_image_is_snapshotted
  check 'a restored claim has all writes before its last one, also in a larger claim' restore_is_in_order
  check 'deleting a VolumeSnapshot removes its snapshot, and keeps claims made from it' snapshots_go
}

snapshot_is_restored() {
  example claim
  pod owner data 'echo then >/data/file; exec sleep 3600'
  runs owner
  wait_for 30 'the file' in_pod owner 'test -s /data/file'
  example snapshot
  is_ready volumesnapshot/data-snapshot
  in_pod owner 'echo now >/data/file; touch /data/new'
  example restore
  pod restored data-restored 'grep -x then /data/file; [ ! -e /data/new ]'
  succeeds restored
  in_pod owner 'grep -x now /data/file'
  remove pod/restored pod/owner
}

claim_is_cloned() {
  example clone
  pod cloned data-clone 'grep -x now /data/file; echo cloned >/data/file'
  succeeds cloned
  pod source data 'grep -x now /data/file'
  succeeds source
  remove pod/cloned pod/source
}

written_image_is_snapshotted() {
  claim written csi-hostpath-image 64Mi
  pod writer written "$(write_in_order /data/first /data/second)"
  runs writer
  local before
  writes_more_than 10 writer /data/second
  before=$(in_pod writer 'wc -l </data/second')
  snapshot written-snapshot written
  is_ready volumesnapshot/written-snapshot
  echo "$before" >"$STATE/written-before"
  writes_more_than "$(in_pod writer 'wc -l </data/second')" writer /data/second
  remove pod/writer
}

restore_is_in_order() {
  local before
  before=$(<"$STATE/written-before")
  claim written-restored csi-hostpath-image 64Mi "$(from_snapshot written-snapshot)"
  claim written-larger csi-hostpath-image 128Mi "$(from_snapshot written-snapshot)"
  pod restored written-restored "$(is_in_order /data/first /data/second "$before")"
  pod larger written-larger "$(is_in_order /data/first /data/second "$before"); df -k /data | awk 'END { exit (\$2 < 100 * 1024) }'"
  succeeds restored
  succeeds larger
  has_capacity written-larger 128Mi
  remove pod/restored pod/larger
}

snapshots_go() {
  remove volumesnapshot/data-snapshot volumesnapshot/written-snapshot
  wait_for 60 'the snapshots to go' no_snapshot_is_left || { kubectl describe volumesnapshotcontents; return 1; }
  pod restored data-restored 'grep -x then /data/file'
  succeeds restored
  remove pod/restored
}

# The driver moves deleted content away at once.
no_snapshot_is_left() {
  [[ -z $(kubectl get volumesnapshotcontents -o name) ]] &&
    is_empty /var/lib/csi-hostpath-data/snapshots /var/lib/csi-hostpath-data/groups
}

# is_ready SNAPSHOT: within a minute
is_ready() { kubectl wait --for=jsonpath='{.status.readyToUse}'=true --timeout=60s "$1" || { kubectl describe "$1"; return 1; }; }

# write_in_order FIRST SECOND: a command that writes 1, 2, 3 … into two files without end; each number is on disk in the
# first before it is written to the second, and there before the next one
write_in_order() {
  echo "i=0; while i=\$((i + 1)); do for file in $1 $2; do echo \$i | dd of=\$file oflag=append conv=notrunc,fsync 2>/dev/null; done; sleep 0.01; done"
}

# is_in_order FIRST SECOND COUNT: a command that succeeds where the files hold what they held at one instant, after COUNT
# numbers
is_in_order() {
  echo "first=\$(wc -l <$1); second=\$(wc -l <$2); [ \$second -ge $3 ]; [ \$first -eq \$second ] || [ \$first -eq \$((second + 1)) ]; seq \$first | cmp - $1; seq \$second | cmp - $2"
}

# writes_more_than COUNT POD FILE: the file gets more lines than that
writes_more_than() { wait_for 30 'writes' in_pod "$2" "[ \"\$(wc -l <$3)\" -gt $1 ]"; }
