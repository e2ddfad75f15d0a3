{{- define "csi-hostpath.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The prefix of all names, short enough for the longest suffix in a name of 63 characters. */}}
{{- define "csi-hostpath.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "csi-hostpath.selectorLabels" -}}
app.kubernetes.io/name: {{ include "csi-hostpath.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: plugin
{{- end }}

{{- define "csi-hostpath.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "csi-hostpath.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: csi-driver-hostpath
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "csi-hostpath.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (printf "%splugin" (include "csi-hostpath.fullname" .)) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/*
Directories on the node are named after the driver, not after the release: volumes belong to the driver, and are found again
by a release with another name. The default name has the directories of deploy/kubernetes.
*/}}
{{- define "csi-hostpath.directoryName" -}}
{{- if eq .Values.driverName "hostpath.csi.k8s.io" }}csi-hostpath{{ else }}{{ .Values.driverName }}{{ end }}
{{- end }}

{{- define "csi-hostpath.socketDir" -}}
{{ .Values.node.kubeletPath }}/plugins/{{ include "csi-hostpath.directoryName" . }}
{{- end }}

{{- define "csi-hostpath.dataPath" -}}
{{- default (printf "/var/lib/%s-data" (include "csi-hostpath.directoryName" .)) .Values.node.dataPath }}
{{- end }}

{{/* The labels of the Service for metrics, by which a ServiceMonitor finds it. */}}
{{- define "csi-hostpath.metricsLabels" -}}
app.kubernetes.io/name: {{ include "csi-hostpath.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: metrics
{{- end }}

{{/* The metadata of (dict "root" . "name" ... "values" ...), whose values have labels, annotations and a namespace. */}}
{{- define "csi-hostpath.monitoringMetadata" -}}
name: {{ .name }}
namespace: {{ default .root.Release.Namespace .values.namespace }}
labels:
  {{- include "csi-hostpath.labels" .root | nindent 2 }}
  {{- with .values.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .values.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The image of (dict "image" ... "defaultTag" ...). */}}
{{- define "csi-hostpath.image" -}}
{{- with .image.registry }}{{ . }}/{{ end }}{{ .image.repository }}:{{ .image.tag | default .defaultTag }}
{{- end }}

{{/* The last fields of a sidecar's container, from its values. */}}
{{- define "csi-hostpath.sidecarRest" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
  seccompProfile:
    type: RuntimeDefault
  # The driver's socket belongs to a privileged container; with SELinux, other containers may not use it.
  seLinuxOptions:
    type: spc_t
{{- with .resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Conditions on values that the schema cannot express. */}}
{{- define "csi-hostpath.validate" -}}
{{- /* The kubelet connects to both sockets; Linux limits their paths to 107 bytes. */}}
{{- $registration := printf "%s/plugins_registry/%s-reg.sock" .Values.node.kubeletPath .Values.driverName }}
{{- range list $registration (printf "%s/csi.sock" (include "csi-hostpath.socketDir" .)) }}
{{- if gt (len .) 107 }}
{{- fail (printf "driverName: the path of the socket %q has %d characters; Linux allows 107" . (len .)) }}
{{- end }}
{{- end }}
{{- $paths := list (include "csi-hostpath.dataPath" .) }}
{{- $pools := list "default" }}
{{- range .Values.node.pools }}
{{- if has .name $pools }}
{{- fail (printf "node.pools: two pools have the name %q; \"default\" is the pool in node.dataPath" .name) }}
{{- end }}
{{- if has .path $paths }}
{{- fail (printf "node.pools: two pools have the path %q" .path) }}
{{- end }}
{{- $pools = append $pools .name }}
{{- $paths = append $paths .path }}
{{- end }}
{{- $fullname := include "csi-hostpath.fullname" . }}
{{- range $list := list "storageClasses" "snapshotClasses" "groupSnapshotClasses" }}
{{- $names := list }}
{{- $defaults := list }}
{{- range index $.Values $list }}
{{- $name := default $fullname .name }}
{{- if has $name $names }}
{{- fail (printf "%s: two classes have the name %q" $list $name) }}
{{- end }}
{{- $names = append $names $name }}
{{- if .default }}{{ $defaults = append $defaults $name }}{{ end }}
{{- end }}
{{- if gt (len $defaults) 1 }}
{{- fail (printf "%s: only one class can be the default, not %s" $list (join " and " $defaults)) }}
{{- end }}
{{- end }}
{{- if and (or .Values.snapshotClasses .Values.groupSnapshotClasses) (not .Values.snapshotter.enabled) }}
{{- fail "snapshotter.enabled: must be true for snapshotClasses and groupSnapshotClasses" }}
{{- end }}
{{- range list "serviceMonitor" "prometheusRule" "dashboard" }}
{{- if and (index $.Values.metrics . "enabled") (not $.Values.metrics.enabled) }}
{{- fail (printf "metrics.%s.enabled: needs metrics.enabled" .) }}
{{- end }}
{{- end }}
{{- $alerts := list }}
{{- range (.Files.Get "files/alerts.yaml" | fromYaml).groups }}{{ range .rules }}{{ $alerts = append $alerts .alert }}{{ end }}{{ end }}
{{- range .Values.metrics.prometheusRule.disabledAlerts }}
{{- if not (has . $alerts) }}
{{- fail (printf "metrics.prometheusRule.disabledAlerts: there is no alert %q" .) }}
{{- end }}
{{- end }}
{{- end }}
