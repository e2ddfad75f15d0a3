# Inline volumes: part of a pod's spec, without a claim.
# shellcheck shell=bash

check_inline() {
  check 'a pod can write to its inline volume, up to the requested size' inline_holds_its_size
  check 'deleting the pod removes its inline volume completely' inline_goes_with_its_pod
  check 'an inline volume that cannot be made is reported in the events of the pod' inline_mistake_is_told
}

inline_holds_its_size() {
  # The example's image is not in this cluster.
  sed "s#image: busybox#image: $SHELL_IMAGE#" "$EXAMPLES/inline.yaml" | kubectl apply -f -
  runs scratch
  wait_for 30 'the first write' in_pod scratch 'test -s /scratch/started'
  in_pod scratch 'echo kept >/scratch/file; grep -x kept /scratch/file'
  in_pod scratch 'if dd if=/dev/zero of=/scratch/filling bs=1M count=100; then exit 1; fi; rm /scratch/filling'
  local kilobytes
  kilobytes=$(in_pod scratch 'df -k /scratch' | awk 'END { print $2 }')
  ((kilobytes <= 64 * 1024 && kilobytes > 40 * 1024))
  [[ $(inline_volumes | wc -l) == 1 ]]
}

# The directories of inline volumes: the kubelet chooses their ids, which stand encoded in the names. Those of claims begin
# with pvc.
inline_volumes() { find /var/lib/csi-hostpath-data/volumes -mindepth 1 -maxdepth 1 -name 'x-*'; }

inline_goes_with_its_pod() {
  local pod
  pod=$(kubectl get pod scratch -o jsonpath='{.metadata.uid}')
  grep "/pods/$pod/volumes/kubernetes.io~csi/scratch/mount " /proc/self/mountinfo
  remove pod/scratch
  wait_for 60 'the kubelet' is_gone "/var/lib/kubelet/pods/$pod"
  wait_for 30 'the volume to go' no_inline_volume_is_left
  [[ -z $(losetup --list --noheadings --output BACK-FILE | grep '/volumes/x-') ]]
}

no_inline_volume_is_left() {
  [[ -z $(inline_volumes) ]] && [[ -z $(find /var/lib/csi-hostpath-data/.outgoing -mindepth 1) ]]
}

inline_mistake_is_told() {
  sed "s#image: busybox#image: $SHELL_IMAGE#; s#size: 64Mi#size: 64 MiB#; s#name: scratch#name: mistaken#" "$EXAMPLES/inline.yaml" |
    kubectl apply -f -
  wait_for 60 'the event' mistake_is_told
  [[ -z $(inline_volumes) ]]
  remove pod/mistaken
}

mistake_is_told() {
  kubectl get events --field-selector involvedObject.name=mistaken,reason=FailedMount -o jsonpath='{.items[*].message}' |
    grep 'volume_context.size: .*64 MiB.* must be a size'
}
