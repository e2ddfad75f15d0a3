# Volumes that are held to their size, grow, or are block devices.
# shellcheck shell=bash

check_sizes() {
  check 'an image is as large as its claim, and stops a pod that writes more' image_holds_its_size
  check 'it grows in its pod when the claim asks for more' image_grows
  check 'a block volume is a device of the size of its claim, and grows' block_grows
}

image_holds_its_size() {
  # ext4 would do as well, but grows while it is mounted only where the node leaves its containers CAP_SYS_RESOURCE.
  kubectl apply -f - <<END
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: image-xfs}
provisioner: $DRIVER
allowVolumeExpansion: true
parameters: {backend: image, csi.storage.k8s.io/fstype: xfs}
END
  sized_claim sized image-xfs 512Mi
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
  BLOCK=true sized_claim device csi-hostpath-sc 16Mi
  kubectl apply -f - <<END
apiVersion: v1
kind: Pod
metadata: {name: device}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: shell
      image: $SHELL_IMAGE
      imagePullPolicy: Never
      command: [sh, -euc, "$STAY"]
      volumeDevices: [{name: device, devicePath: /dev/data}]
  volumes:
    - name: device
      persistentVolumeClaim: {claimName: device}
END
  runs device
  [[ $(in_pod device 'blockdev --getsize64 /dev/data') == $((16 * 1024 * 1024)) ]]
  in_pod device 'echo kept | dd of=/dev/data conv=notrunc'
  kubectl patch pvc device -p '{"spec": {"resources": {"requests": {"storage": "32Mi"}}}}'
  has_capacity device 32Mi
  in_pod device 'head -c 5 /dev/data' | grep -x kept
  remove pod/device pvc/device
}

# sized_claim NAME CLASS SIZE
sized_claim() {
  local mode=Filesystem
  [[ ${BLOCK:-} == true ]] && mode=Block
  kubectl apply -f - <<END
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: $1}
spec:
  storageClassName: $2
  volumeMode: $mode
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: $3}}
END
}

# has_capacity CLAIM SIZE: within two minutes
has_capacity() { kubectl wait --for=jsonpath='{.status.capacity.storage}'="$2" --timeout=120s "pvc/$1"; }
