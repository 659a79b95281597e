{{/* Labels of the objects and pods of a component. Prometheus finds the pods by them. */}}
{{- define "observability.labels" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/part-of: observability
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{/* Two names for one namespace would give its series the second one only. */}}
{{- define "observability.checkEnvironments" -}}
{{- range $key := list "name" "namespace" }}
{{- $seen := dict }}
{{- range $.Values.environments }}
{{- $value := get . $key }}
{{- if hasKey $seen $value }}
{{- fail (printf "environments: the %s `%s` is in two entries. Remove one of them." $key $value) }}
{{- end }}
{{- $_ := set $seen $value true }}
{{- end }}
{{- end }}
{{- end }}

{{/* What all pods have. 65534 is the user `nobody` of the images. */}}
{{- define "observability.pod" -}}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65534
  runAsGroup: 65534
  fsGroup: 65534
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "observability.container" -}}
imagePullPolicy: IfNotPresent
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{/* 90 % of a memory limit such as 512Mi, as GOMEMLIMIT wants it. */}}
{{- define "observability.goMemory" -}}
{{- $mebibytes := trimSuffix "Mi" . | int64 }}
{{- if hasSuffix "Gi" . }}{{ $mebibytes = trimSuffix "Gi" . | int64 | mul 1024 }}{{ end }}
{{- printf "%dMiB" (div (mul 9 $mebibytes) 10) }}
{{- end }}

{{/* Requests and limits of a component, and the limit for its garbage collector. A lower GOGC costs time and saves memory. */}}
{{- define "observability.goResources" -}}
{{- $resources := index .root.Values.resources .component }}
env:
  - { name: GOMEMLIMIT, value: {{ include "observability.goMemory" $resources.limits.memory }} }
  - { name: GOGC, value: "50" }
  {{- with .env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
resources:
  {{- toYaml $resources | nindent 2 }}
{{- end }}

{{/* The name of a ClusterRole. Other releases have others. */}}
{{- define "observability.clusterRole" -}}
{{ .root.Release.Namespace }}-{{ .root.Release.Name }}-{{ .name }}
{{- end }}

{{/* A ServiceAccount with the rules of a ClusterRole. */}}
{{- define "observability.access" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .name }}
  labels:
    {{- include "observability.labels" . | nindent 4 }}
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ include "observability.clusterRole" . }}
  labels:
    {{- include "observability.labels" . | nindent 4 }}
rules:
  {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ include "observability.clusterRole" . }}
  labels:
    {{- include "observability.labels" . | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ include "observability.clusterRole" . }}
subjects:
  - kind: ServiceAccount
    name: {{ .name }}
    namespace: {{ .root.Release.Namespace | quote }}
{{- end }}
