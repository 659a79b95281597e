{{/* Labels of everything that belongs to the service. */}}
{{- define "labels" -}}
app.kubernetes.io/name: {{ .Values.service }}
app.kubernetes.io/part-of: shop
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* What a Deployment selects by: name and colour, so that the slots never see each other's pods. */}}
{{- define "slotSelector" -}}
app.kubernetes.io/name: {{ .Values.service }}
shopctl.dev/color: {{ .Values.color }}
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
  valueFrom: { secretKeyRef: { name: {{ $.root.Values.secretName | default $.root.Values.service }}, key: {{ $key }} } }
{{- end }}
{{- end }}
