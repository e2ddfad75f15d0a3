# Volumes whose size is enforced, volumes that grow, and block devices.
# shellcheck shell=bash

check_sizes() {
  check 'an image is as large as its claim, and stops a pod that writes more' image_holds_its_size
  check 'an image grows in its pod when the claim is expanded' image_grows
  check 'a block volume is a device of the size of its claim, and grows' block_grows
}

image_holds_its_size() {
  # ext4 works as well, but grows while it is mounted only if the node's containers have CAP_SYS_RESOURCE.
  kubectl apply -f - <<END
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: image-xfs}
provisioner: $DRIVER
allowVolumeExpansion: true
parameters: {backend: image, csi.storage.k8s.io/fstype: xfs}
END
  claim sized image-xfs 512Mi
  pod sized sized "$STAY"
  runs sized
  in_pod sized 'if dd if=/dev/zero of=/data/file bs=1M count=600; then exit 1; fi; rm /data/file'
  (($(size_in_pod) <= 512 * 1024 && $(size_in_pod) > 400 * 1024))
}

image_grows() {
  kubectl patch pvc sized -p '{"spec": {"resources": {"requests": {"storage": "1Gi"}}}}'
  has_capacity sized 1Gi
  (($(size_in_pod) > 900 * 1024))
  remove pod/sized pvc/sized
}

# The kilobytes that df shows in the pod.
size_in_pod() { in_pod sized 'df -k /data' | awk 'END { print $2 }'; }

block_grows() {
  claim device csi-hostpath-sc 16Mi 'volumeMode: Block'
  device_pod device device
  runs device
  [[ $(in_pod device 'blockdev --getsize64 /dev/data') == $((16 * 1024 * 1024)) ]]
  in_pod device 'echo kept | dd of=/dev/data conv=notrunc'
  kubectl patch pvc device -p '{"spec": {"resources": {"requests": {"storage": "32Mi"}}}}'
  has_capacity device 32Mi
  in_pod device 'head -c 5 /dev/data' | grep -x kept
  remove pod/device pvc/device
}

# has_capacity CLAIM SIZE: within two minutes
has_capacity() { kubectl wait --for=jsonpath='{.status.capacity.storage}'="$2" --timeout=120s "pvc/$1"; }
