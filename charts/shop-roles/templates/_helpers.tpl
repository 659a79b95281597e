{{/* Labels of all objects. */}}
{{- define "labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* Binds the Role of this name to its group. */}}
{{- define "binding" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: shopctl-{{ .role }}
  labels:
    {{- include "labels" .root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: shopctl-{{ .role }}
subjects:
  - apiGroup: rbac.authorization.k8s.io
    kind: Group
    name: {{ index .root.Values.groups .role | quote }}
{{- end }}

{{/* Name of an Application, as shopctl gitops init makes it: of `parts`, at most 63 characters. */}}
{{- define "application" -}}
{{- $whole := join "." .parts }}
{{- if le (len $whole) 63 }}{{ $whole }}
{{- else }}{{ regexReplaceAll "[.-]+$" (trunc 52 $whole) "" }}-{{ sha256sum $whole | trunc 10 }}
{{- end }}
{{- end }}
