{{/* The name of everything in the slot. Another release name would leave the slot without its guard and its Service. */}}
{{- define "slotName" -}}
{{- $name := printf "%s-%s" .Values.shopctl.service .Values.shopctl.color -}}
{{- if ne .Release.Name $name }}{{ fail (printf "the release of this slot is named %s, not %s" $name .Release.Name) }}{{ end -}}
{{ $name }}
{{- end }}

{{/* Labels of everything that belongs to the service. */}}
{{- define "labels" -}}
app.kubernetes.io/name: {{ .Values.shopctl.service | quote }}
app.kubernetes.io/part-of: {{ .Values.shopctl.system | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* Labels of everything in the slot. */}}
{{- define "slotLabels" -}}
{{ include "labels" . }}
shopctl.dev/color: {{ .Values.shopctl.color }}
shopctl.dev/revision: {{ .Values.shopctl.revision | quote }}
{{- end }}

{{/* What a Deployment selects by: name and color, so that the slots never see each other's pods. */}}
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

{{/* Writable scratch space; everything else in a container is read-only. */}}
{{- define "scratchVolume" -}}
- name: tmp
  emptyDir: { medium: Memory, sizeLimit: 16Mi }
{{- end }}

{{/* Variables taken from the service's Secret: `from` maps their names to its keys. */}}
{{- define "secretEnv" -}}
{{- range $name, $key := .from }}
- name: {{ $name }}
  valueFrom: { secretKeyRef: { name: {{ $.root.Values.secretName | default $.root.Values.shopctl.service }}, key: {{ $key }} } }
{{- end }}
{{- end }}
