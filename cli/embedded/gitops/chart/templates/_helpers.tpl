{{- define "gitops.labels" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/part-of: argocd
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- define "gitops.selector" -}}
{ app.kubernetes.io/name: {{ .name }}, app.kubernetes.io/part-of: argocd }
{{- end }}

{{/* 999 is the user `argocd` of the image. */}}
{{- define "gitops.pod" -}}
enableServiceLinks: false
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 999
  runAsGroup: 999
  fsGroup: 999
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- end }}

{{/* `component` names its resources. */}}
{{- define "gitops.container" -}}
image: {{ .root.Values.image }}
imagePullPolicy: IfNotPresent
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
resources:
  {{- toYaml (index .root.Values.resources .component) | nindent 2 }}
{{- end }}

{{/* Three quarters of a limit of memory such as 256Mi: other programs may run in the container too. */}}
{{- define "gitops.goEnv" -}}
{{- $limit := (index .root.Values.resources .component).limits.memory | trimSuffix "Mi" | int64 -}}
- { name: GOMEMLIMIT, value: {{ printf "%dMiB" (div (mul 3 $limit) 4) }} }
- { name: GOGC, value: "50" }
{{- end }}

{{- define "gitops.redisPassword" -}}
name: REDIS_PASSWORD
valueFrom: { secretKeyRef: { name: argocd-redis, key: auth } }
{{- end }}

{{/* Of the arguments root, Secret and key: what the Secret has, or something random. */}}
{{- define "gitops.kept" -}}
{{- $root := index . 0 }}
{{- $secret := lookup "v1" "Secret" $root.Release.Namespace (index . 1) | default dict }}
{{- with get ($secret.data | default dict) (index . 2) }}{{ b64dec . }}{{ else }}{{ randAlphaNum 40 }}{{ end }}
{{- end }}
