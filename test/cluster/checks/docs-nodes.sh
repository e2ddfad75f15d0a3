# The commands of the pages about nodes, with an application that has its volume on the second node.
# shellcheck shell=bash

check_docs_nodes() {
  local -x KUBECONFIG=$READER
  become_reader
  check 'an application has its volume on the second node' application_is_deployed
  check 'the commands of docs/guides/nodes/drain.md drain a node and take it back' page_drains_node
  check 'the commands of docs/guides/nodes/drain.md move a volume to another node' page_moves_volume
  check 'the commands of docs/guides/nodes/move.md move the pod of a StatefulSet with its volume' page_moves_pod
  check 'the commands of docs/guides/nodes/renamed.md give a renamed node its volumes' page_renames_node
  check 'the commands of docs/guides/nodes/lost.md give up the volumes of a lost node' page_gives_node_up
  check 'the commands of docs/guides/nodes/returned.md find the node well' page_finds_node_well
}

application_is_deployed() {
  kubectl apply -k "$MANIFESTS/base"
  [[ -e $STATE/node2.pid ]] || add_node 2
  name_images
  driver_is_rolled_out
  wait_for 60 'the driver on node 2' is_registered_on 2
  claim data csi-hostpath-wait 64Mi
  pod writer data 'echo kept >/data/file' "$(on_node 2)"
  succeeds writer
  remove pod/writer
  deploy_application
}

# It runs only with the data.
deploy_application() {
  kubectl apply -f - <<END
apiVersion: apps/v1
kind: Deployment
metadata: {name: application}
spec:
  selector: {matchLabels: {app: application}}
  strategy: {type: Recreate}
  template:
    metadata: {labels: {app: application}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: shell
          image: $SHELL_IMAGE
          imagePullPolicy: Never
          command: [sh, -euc, 'grep -x kept /data/file; $STAY']
          volumeMounts: [{name: data, mountPath: /data}]
      volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
END
  application_runs
}

application_runs() {
  kubectl scale --replicas=1 deployment/application
  kubectl rollout status --timeout=120s deployment/application
}

application_ends() {
  kubectl scale --replicas=0 deployment/application
  kubectl wait --for=delete --timeout=60s pod --selector app=application
  wait_for 30 'the kubelet' no_mount_is_left 2
}

page_drains_node() {
  run_page docs/guides/nodes/drain.md#drain-it-and-take-it-back --replace worker-1 "$(node_name 2)"
  run_page docs/guides/nodes/drain.md#which-claims-are-on-the-node
  application_runs
}

page_moves_volume() {
  application_ends
  run_page docs/guides/nodes/drain.md#move-a-volume-to-another-node --replace worker-2 "$NODE"
  pod moved data-moved 'grep -x kept /data/file'
  succeeds moved
  [[ $(node_of data-moved) == "$NODE" ]]
  remove pod/moved pvc/data-moved
}

# It begins on the first node, and its volume goes to the second.
page_moves_pod() {
  local number
  kubectl create namespace shop
  wait_for 30 'the service account of the pods' in_shop get serviceaccount default
  for number in $(other_nodes); do kubectl cordon "$(node_name "$number")"; done
  deploy_web
  for number in $(other_nodes); do kubectl uncordon "$(node_name "$number")"; done
  in_shop exec web-0 -- sh -c 'echo kept >/data/file; chown 1000:2000 /data/file'
  run_page docs/guides/nodes/move.md#move-the-pod-of-a-statefulset \
    --replace worker-1 "$(node_name 1)" --replace worker-2 "$(node_name 2)"
  in_shop rollout status --timeout=120s statefulset/web
  [[ $(in_shop get pod web-0 -o jsonpath='{.spec.nodeName}') == "$(node_name 2)" ]]
  in_shop exec web-0 -- sh -c 'grep -x kept /data/file && [ "$(stat -c %u:%g /data/file)" = 1000:2000 ]'
  remove namespace/shop
  wait_for 60 'both volumes to go' has_no_volumes_of shop
}

other_nodes() { node_numbers | grep -vx 1; }

in_shop() { kubectl --namespace shop "$@"; }

deploy_web() {
  in_shop apply -f - <<END
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  serviceName: web
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: shell
          image: $SHELL_IMAGE
          imagePullPolicy: Never
          command: [sh, -euc, '$STAY']
          volumeMounts: [{name: data, mountPath: /data}]
  volumeClaimTemplates:
    - metadata: {name: data}
      spec:
        storageClassName: csi-hostpath-wait
        accessModes: [ReadWriteOnce]
        resources: {requests: {storage: 64Mi}}
END
  in_shop rollout status --timeout=120s statefulset/web
}

page_renames_node() {
  local old
  old=$(node_name 2)
  example snapshot
  is_ready volumesnapshot/data-snapshot
  save_driver_logs
  stop_node 2
  kubectl delete node "$old"
  name_node 2 moved
  start_node 2
  wait_for 120 'the driver' is_ready_on 2
  run_page docs/guides/nodes/renamed.md --replace worker-1 "$old" --replace worker-one "$(node_name 2)"
  application_runs
  example restore
  # The nodes try in turn.
  kubectl wait --for=jsonpath='{.status.phase}'=Bound --timeout=180s pvc/data-restored
  pod restored data-restored 'grep -x kept /data/file'
  succeeds restored
  remove pod/restored pvc/data-restored
}

page_gives_node_up() {
  application_ends
  kubectl delete --cascade=foreground deployment/application
  save_driver_logs
  stop_node 2
  run_page docs/guides/nodes/lost.md --replace worker-1 "$(node_name 2)" --replace worker-2 "$NODE"
  nothing_is_left
  wait_for 120 'the pods of the node to go' no_pod_is_on 2
}

no_pod_is_on() { [[ -z $(kubectl get pods --all-namespaces --field-selector "spec.nodeName=$(node_name "$1")" -o name) ]]; }

# The volume and the snapshot were given up, and are still on the node's disk.
page_finds_node_well() {
  local data
  data=$(node_state 2)/var/lib/csi-hostpath-data
  [[ -n $(find "$data/volumes" "$data/snapshots" -mindepth 1) ]]
  rm -rf "$data"/{volumes,snapshots}/*
  start_node 2
  wait_for 120 'the driver' is_ready_on 2
  run_page docs/guides/nodes/returned.md --replace worker-1 "$(node_name 2)"
  claim new csi-hostpath-wait
  pod new new 'echo new >/data/file' "$(on_node 2)"
  succeeds new
  remove pod/new pvc/new
  nothing_is_left
}
