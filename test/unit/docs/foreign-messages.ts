/** What the guides quote of other programs, and where it was looked up. */
export const foreignMessages: ReadonlyMap<string, string> = new Map([
  // Kubernetes 1.34
  [
    "node(s) didn't match PersistentVolume's node affinity",
    'pkg/scheduler/framework/plugins/volumebinding/binder.go',
  ],
  ['did not have enough free storage', 'pkg/scheduler/framework/plugins/volumebinding/binder.go'],
  ['node(s) were unschedulable', 'pkg/scheduler/framework/plugins/nodeunschedulable/node_unschedulable.go'],
  [
    'waiting for first consumer to be created before binding',
    'pkg/controller/volume/persistentvolume/pv_controller.go',
  ],
  ['hostPath type check failed', 'pkg/volume/hostpath/host_path.go'],
  ['not found in the list of registered CSI drivers', 'pkg/volume/csi/csi_client.go'],
  [
    'volume mode "Ephemeral" not supported by driver hostpath.csi.k8s.io (only supports …)',
    'pkg/volume/csi/csi_mounter.go',
  ],
  [
    'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
    'plugin/pkg/admission/storage/persistentvolume/resize/admission.go',
  ],
  ['field can not be less than status.capacity', 'pkg/apis/core/validation/validation.go'],
  ['spec.persistentvolumesource is immutable after creation', 'pkg/apis/core/validation/validation.go'],
  ['updates to parameters are forbidden', 'pkg/apis/storage/validation/validation.go'],
  ['field is immutable', 'k8s.io/apimachinery/pkg/api/validation/objectmeta.go'],
  ['violates PodSecurity', 'k8s.io/pod-security-admission/admission/admission.go'],
  ['no matches for kind "VolumeSnapshot"', 'k8s.io/apimachinery/pkg/api/meta/errors.go'],
  ['no matches for kind "VolumeSnapshotClass"', 'k8s.io/apimachinery/pkg/api/meta/errors.go'],
  ['no matches for kind "ServiceMonitor"', 'k8s.io/apimachinery/pkg/api/meta/errors.go'],
  ['no matches for kind "PrometheusRule"', 'k8s.io/apimachinery/pkg/api/meta/errors.go'],
  ['readyToUse: false', 'the status of a VolumeSnapshot'],
  ['capacityEnforced: "false"', 'the volumeAttributes of a PersistentVolume'],
  // csi-snapshot-metadata v1.1.0
  ['unauthenticated user', 'pkg/internal/server/grpc/status.go'],
  ['failed to find the SnapshotMetadataService CR for driver', 'pkg/internal/server/grpc/status.go'],
  // Others
  ['self-signed certificate', 'OpenSSL, crypto/x509/x509_txt.c'],
  ['cannot find parent subvolume', 'btrfs-progs 6.2, cmds/receive.c'],
  [
    'cannot delete Pods that declare no controller (use --force to override)',
    'kubectl, k8s.io/kubectl/pkg/drain/filters.go',
  ],
  [
    'cannot be imported into the current release: invalid ownership metadata',
    'Helm 3, pkg/action/validate.go',
  ],
  [
    'unable to validate against any security context constraint',
    'OpenShift, admission of SecurityContextConstraints',
  ],
]);

/** Messages of the driver that it puts together from words. */
export const assembledMessages: ReadonlyMap<string, string> = new Map([
  ['copy waiting', 'src/observability/health-log.ts'],
]);
