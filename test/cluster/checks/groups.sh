# Snapshots of several volumes at one instant.
# shellcheck shell=bash

check_groups() {
  check 'deploy/kubernetes/one-node enables snapshots of groups' one_node_is_applied
  check 'a VolumeGroupSnapshot of two images is made while a pod writes to both' group_is_cut
  check 'claims from its members have the data of one instant' members_are_restored
  check 'deleting a VolumeGroupSnapshot removes its members' group_goes
}

one_node_is_applied() {
  save_driver_logs
  kubectl apply -k "$MANIFESTS/one-node"
  driver_is_rolled_out
}

group_is_cut() {
  example group-claims
  shop_pod shop shop-orders shop-payments "$(write_in_order /orders/file /payments/file)"
  runs shop
  writes_more_than 10 shop /payments/file
  in_pod shop 'wc -l </payments/file' >"$STATE/shop-before"
  example group-snapshot
  is_ready volumegroupsnapshot/shop-snapshot || { kubectl describe volumegroupsnapshotcontents; return 1; }
  writes_more_than "$(in_pod shop 'wc -l </payments/file')" shop /payments/file
  remove pod/shop
}

members_are_restored() {
  local claim member
  for claim in orders payments; do
    member=$(member_of "shop-$claim")
    is_ready "volumesnapshot/$member"
    claim "restored-$claim" csi-hostpath-image 64Mi "$(from_snapshot "$member")"
  done
  shop_pod restored restored-orders restored-payments \
    "$(is_in_order /orders/file /payments/file "$(<"$STATE/shop-before")")"
  succeeds restored
  remove pod/restored
}

# member_of CLAIM: its snapshot, once the controller has made it
member_of() {
  wait_for 30 "the snapshot of $1" has_member "$1"
  members "$1"
}

has_member() { [[ -n $(members "$1") ]]; }

members() {
  kubectl get volumesnapshots -o jsonpath="{.items[?(@.spec.source.persistentVolumeClaimName==\"$1\")].metadata.name}"
}

group_goes() {
  remove volumegroupsnapshot/shop-snapshot
  wait_for 60 'its members to go' no_group_is_left || {
    kubectl describe volumesnapshots,volumesnapshotcontents,volumegroupsnapshotcontents
    return 1
  }
}

# The objects of the members go a moment after their contents.
no_group_is_left() {
  [[ -z $(kubectl get volumesnapshots,volumegroupsnapshotcontents -o name) ]] && no_snapshot_is_left
}

# shop_pod NAME ORDERS PAYMENTS COMMAND: a pod with two claims
shop_pod() {
  kubectl apply -f - <<END
apiVersion: v1
kind: Pod
metadata: {name: $1}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  containers:
    - name: shell
      image: $SHELL_IMAGE
      imagePullPolicy: Never
      command: [sh, -euc]
      args:
        - |
          $4
      volumeMounts: [{name: orders, mountPath: /orders}, {name: payments, mountPath: /payments}]
  volumes:
    - name: orders
      persistentVolumeClaim: {claimName: $2}
    - name: payments
      persistentVolumeClaim: {claimName: $3}
END
}
