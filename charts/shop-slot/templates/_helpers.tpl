{{/* The name of the objects in the slot. With another name, neither the guard nor the Service would find the slot. */}}
{{- define "slotName" -}}
{{- $name := printf "%s-%s" .Values.shopctl.service .Values.shopctl.color -}}
{{- if ne .Release.Name $name }}{{ fail (printf "the release of this slot is named %s, not %s" $name .Release.Name) }}{{ end -}}
{{ $name }}
{{- end }}

{{/* Labels of all objects of the service. */}}
{{- define "labels" -}}
app.kubernetes.io/name: {{ .Values.shopctl.service | quote }}
app.kubernetes.io/part-of: {{ .Values.shopctl.system | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* Labels of all objects in the slot. */}}
{{- define "slotLabels" -}}
{{ include "labels" . }}
shopctl.dev/color: {{ .Values.shopctl.color }}
shopctl.dev/revision: {{ .Values.shopctl.revision | quote }}
{{- end }}

{{/* The selector of the Deployment: name and color, so that a slot never selects pods of the other slot. */}}
{{- define "slotSelector" -}}
app.kubernetes.io/name: {{ .Values.shopctl.service | quote }}
shopctl.dev/color: {{ .Values.shopctl.color }}
{{- end }}

{{- define "podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{/* A writable folder. All other files in a container are read-only. */}}
{{- define "scratchVolume" -}}
- name: tmp
  emptyDir: { medium: Memory, sizeLimit: 16Mi }
{{- end }}

{{/*
Environment variables from the Secret of the service, or from the slot's copy of it. `from` maps names of variables to
keys of the Secret.
*/}}
{{- define "secretEnv" -}}
{{- $original := .root.Values.secretName | default .root.Values.shopctl.service }}
{{- $secret := dig $original $original (.root.Values.shopctl.secrets | default dict) }}
{{- range $name, $key := .from }}
- name: {{ $name }}
  valueFrom: { secretKeyRef: { name: {{ $secret }}, key: {{ $key }} } }
{{- end }}
{{- end }}
