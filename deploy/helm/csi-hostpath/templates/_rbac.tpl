{{/* Binds a role to the service account: (dict "root" . "kind" "ClusterRole" "name" ...). */}}
{{- define "csi-hostpath.roleBinding" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}Binding
metadata:
  name: {{ .name }}
  {{- if eq .kind "Role" }}
  namespace: {{ .root.Release.Namespace }}
  {{- end }}
  labels:
    {{- include "csi-hostpath.labels" .root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ include "csi-hostpath.serviceAccountName" .root }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}
