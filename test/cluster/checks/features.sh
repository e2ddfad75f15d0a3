# What only flags turn on: attaching, and mutable parameters through VolumeAttributesClasses.
# shellcheck shell=bash

check_features() {
  check 'the driver takes flags for more, and its sidecars notice' features_are_on
  check 'a volume is attached while a pod uses it, and no longer' volume_is_attached
  check 'a VolumeAttributesClass changes what becomes of a volume: it is retained' volume_is_retained
}

features_are_on() {
  save_driver_logs
  in_driver_namespace patch statefulset csi-hostpathplugin --type=json -p '[
    {"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--enable-attach"},
    {"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--enable-controller-modify-volume"}]'
  in_driver_namespace rollout status --timeout=120s statefulset/csi-hostpathplugin
  wait_for 60 'the CSINode entry' is_in_csi_node
}

volume_is_attached() {
  claim attached csi-hostpath-sc
  pod attached attached "$STAY"
  runs attached
  [[ $(kubectl get volumeattachments -o jsonpath='{.items[*].status.attached}') == true ]]
  grep '"nodeId": "'"$NODE"'"' "$(record_of attached)"
  remove pod/attached
  wait_for 60 'the volume to be detached' is_detached attached
  remove pvc/attached
}

is_detached() { ! grep '"attachment"' "$(record_of "$1")"; }

# record_of CLAIM: the record of its volume
record_of() {
  local handle
  handle=$(kubectl get pv "$(kubectl get pvc "$1" -o jsonpath='{.spec.volumeName}')" -o jsonpath='{.spec.csi.volumeHandle}')
  echo "/var/lib/csi-hostpath-data/volumes/$handle/volume.json"
}

volume_is_retained() {
  local record retained=/var/lib/csi-hostpath-data/retained
  kubectl apply -f "$EXAMPLES/attributes-class.yaml"
  claim precious csi-hostpath-sc
  pod precious precious 'echo kept >/data/file'
  succeeds precious
  record=$(record_of precious)
  kubectl patch pvc precious -p '{"spec": {"volumeAttributesClassName": "csi-hostpath-retain"}}'
  kubectl wait --for=jsonpath='{.status.currentVolumeAttributesClassName}'=csi-hostpath-retain --timeout=120s pvc/precious
  grep '"onDelete": "retain"' "$record"
  remove pod/precious pvc/precious
  wait_for 60 'the volume to go' is_gone "$record"
  grep -rx kept "$retained"
  rm -rf "${retained:?}"/*
  kubectl delete -f "$EXAMPLES/attributes-class.yaml"
}

is_gone() { [[ ! -e $1 ]]; }
