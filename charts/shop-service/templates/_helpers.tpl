{{/* Labels of all objects of the service. */}}
{{- define "labels" -}}
app.kubernetes.io/name: {{ .Values.shopctl.service | quote }}
app.kubernetes.io/part-of: {{ .Values.shopctl.system | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
