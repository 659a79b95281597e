{{/* Labels of everything that belongs to the service. */}}
{{- define "labels" -}}
app.kubernetes.io/name: {{ .Values.service | quote }}
app.kubernetes.io/part-of: {{ .Values.system | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
