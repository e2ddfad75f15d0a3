# Several nodes: each holds its own volumes, and has its own provisioner and snapshotter.
# shellcheck shell=bash

check_nodes() {
  check 'the driver starts on nodes that join' nodes_join
  check 'the capacity of each node is known, in objects that its pod owns' capacity_is_known
  check 'a pod gets its volume on its node, and it grows there' volume_follows_pod
  check 'a claim with Immediate is bound to a volume on one of the nodes' immediate_is_bound_somewhere
  check 'a pod that does not fit on a node waits there, and says why' full_node_is_refused
  check 'a pod that fits only elsewhere is scheduled elsewhere' full_node_is_avoided
  check 'a claim with Immediate from a snapshot ends on the node of its snapshot, and its pod with it' restore_finds_its_node
  check 'a claim with Immediate from a claim ends on the node of its source, and its pod with it' clone_finds_its_node
  check 'with WaitForFirstConsumer, allowedTopologies puts such a pod on that node at once' allowed_topologies_pin
  check 'deleting a snapshot on another node removes it' snapshot_goes_elsewhere
}

# The third node has a small disk of its own for volumes.
SMALL_NODE=3
SMALL_DISK_MIB=300

nodes_join() {
  kubectl apply -k "$MANIFESTS/base"
  add_node 2
  make_small_disk
  add_node $SMALL_NODE
  in_driver_namespace rollout status --timeout=180s daemonset/csi-hostpathplugin
  local number
  for number in $(node_numbers); do wait_for 60 "the driver on node $number" is_registered_on "$number"; done
}

# Mounted in the state of the node, which becomes its directory for volumes.
make_small_disk() {
  local directory image=$STATE/small-disk
  directory=$(node_state $SMALL_NODE)/var/lib/csi-hostpath-data
  mkdir -p "$directory"
  truncate -s ${SMALL_DISK_MIB}M "$image"
  mkfs.ext4 -q "$image"
  mount -o loop "$image" "$directory"
}

is_registered_on() { [[ $(kubectl get csinode "$(node_name "$1")" -o jsonpath='{.spec.drivers[*].name}') == "$DRIVER" ]]; }

capacity_is_known() {
  local number pod
  for number in $(node_numbers); do
    pod=$(driver_pod "$number")
    wait_for 60 "the capacity of node $number" is_capacity_known "$number" csi-hostpath-wait
    [[ $(capacity_of "$number" csi-hostpath-wait '.metadata.ownerReferences[0].name') == "$pod" ]]
  done
  local small large
  small=$(capacity_of $SMALL_NODE csi-hostpath-wait '.maximumVolumeSize')
  large=$(capacity_of 2 csi-hostpath-wait '.maximumVolumeSize')
  echo "maximum volume sizes: $small on the small node, $large on another"
}

is_capacity_known() { [[ -n $(capacity_of "$1" "$2" .capacity) ]]; }

# capacity_of NUMBER CLASS FIELD: of the CSIStorageCapacity
capacity_of() {
  local filter="?(@.storageClassName==\"$2\")" key='topology\.hostpath\.csi/node'
  in_driver_namespace get csistoragecapacities \
    -o jsonpath="{range .items[$filter]}{.nodeTopology.matchLabels.$key} {$3}{\"\n\"}{end}" |
    sed -n "s/^$(node_name "$1") //p"
}

# on_node NUMBER: a line of a pod's spec that puts it there
on_node() { echo "nodeSelector: {topology.hostpath.csi/node: $(node_name "$1")}"; }

# node_of CLAIM: the node of its volume
node_of() {
  kubectl get pv "$(kubectl get pvc "$1" -o jsonpath='{.spec.volumeName}')" \
    -o jsonpath='{.spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].values[0]}'
}

volume_follows_pod() {
  claim second csi-hostpath-image 64Mi
  pod second second "echo two >/data/file; $STAY" "$(on_node 2)"
  runs second
  [[ $(node_of second) == "$(node_name 2)" ]]
  kubectl patch pvc second -p '{"spec": {"resources": {"requests": {"storage": "96Mi"}}}}'
  has_capacity second 96Mi
}

immediate_is_bound_somewhere() {
  claim anywhere csi-hostpath-sc
  is_bound anywhere
  pod anywhere anywhere 'echo found >/data/file'
  succeeds anywhere
  [[ $(kubectl get pod anywhere -o jsonpath='{.spec.nodeName}') == "$(node_of anywhere)" ]]
  remove pod/anywhere pvc/anywhere
}

full_node_is_refused() {
  claim large csi-hostpath-wait 1Gi
  pod large large "$STAY" "$(on_node $SMALL_NODE)"
  kubectl wait --for=condition=PodScheduled=False --timeout=60s pod/large
  wait_for 30 'the reason' lacks_storage large
  remove pod/large
}

lacks_storage() {
  kubectl get pod "$1" -o jsonpath='{.status.conditions[?(@.type=="PodScheduled")].message}' |
    grep 'did not have enough free storage'
}

full_node_is_avoided() {
  pod large large "$STAY" \
    "affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 100, preference: {matchExpressions: [{key: topology.hostpath.csi/node, operator: In, values: [$(node_name $SMALL_NODE)]}]}}]}}"
  runs large
  [[ $(node_of large) != "$(node_name $SMALL_NODE)" ]]
  remove pod/large pvc/large
}

ROUNDS=3

restore_finds_its_node() {
  snapshot second-snapshot second
  is_ready volumesnapshot/second-snapshot
  find_node restored csi-hostpath-sc "$(from_snapshot second-snapshot)"
}

clone_finds_its_node() { find_node cloned csi-hostpath-sc "$(from_claim second)"; }

# Without them the scheduler, which knows nothing of the snapshot, may choose the same wrong node again and again.
allowed_topologies_pin() {
  kubectl apply -f - <<END
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: second-node}
provisioner: $DRIVER
volumeBindingMode: WaitForFirstConsumer
parameters: {backend: image}
allowedTopologies:
  - matchLabelExpressions: [{key: topology.hostpath.csi/node, values: [$(node_name 2)]}]
END
  find_node pinned second-node "$(from_snapshot second-snapshot)"
  [[ $(failures_of pinned-1) == 0 ]]
  kubectl delete storageclass second-node
}

# find_node NAME CLASS FIELD: claims from that source, whose pods may run anywhere, end on the second node
find_node() {
  local round name start
  for round in $(seq $ROUNDS); do
    name=$1-$round
    start=$SECONDS
    claim "$name" "$2" 96Mi "$3"
    pod "$name" "$name" 'grep -x two /data/file'
    kubectl wait --for=jsonpath='{.status.phase}'=Succeeded --timeout=300s "pod/$name" || {
      kubectl describe "pvc/$name" "pod/$name"
      return 1
    }
    [[ $(node_of "$name") == "$(node_name 2)" ]]
    echo "$name: $((SECONDS - start)) s, $(failures_of "$name") failed attempts"
  done
  for round in $(seq $ROUNDS); do remove "pod/$1-$round" "pvc/$1-$round"; done
}

failures_of() {
  kubectl get events --field-selector "involvedObject.name=$1,reason=ProvisioningFailed" -o jsonpath='{.items[*].count}' |
    awk '{ for (i = 1; i <= NF; i++) sum += $i } END { print sum + 0 }'
}

snapshot_goes_elsewhere() {
  remove volumesnapshot/second-snapshot
  wait_for 60 'the snapshot to go' no_snapshot_is_on 2
}

no_snapshot_is_on() {
  [[ -z $(kubectl get volumesnapshotcontents -o name) ]] &&
    is_empty "$(node_state "$1")/var/lib/csi-hostpath-data/snapshots"
}
