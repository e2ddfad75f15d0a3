# Features that need flags: mutable parameters through VolumeAttributesClasses.
# shellcheck shell=bash

check_features() {
  check 'a flag enables mutable parameters, and the sidecars notice' features_are_on
  check 'a VolumeAttributesClass makes a volume retained on delete' volume_is_retained
}

features_are_on() {
  save_driver_logs
  add_flags driver --enable-controller-modify-volume
  driver_is_rolled_out
}

# record_of CLAIM: the record of its volume
record_of() {
  local handle
  handle=$(kubectl get pv "$(kubectl get pvc "$1" -o jsonpath='{.spec.volumeName}')" -o jsonpath='{.spec.csi.volumeHandle}')
  echo "/var/lib/csi-hostpath-data/volumes/$handle/volume.json"
}

volume_is_retained() {
  local record retained=/var/lib/csi-hostpath-data/retained
  kubectl apply -f "$EXAMPLES/attributes-class.yaml"
  claim precious csi-hostpath-not-enforced
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
