{{/*
The label `environment`: the name in `environments`, or else the namespace. `source` is a label with the namespace.
Nothing changes where it is missing.
*/}}
{{- define "observability.environment" }}
{{- $source := .source }}
- { source_labels: [{{ $source }}], regex: (.+), target_label: environment }
{{- range .root.Values.environments }}
- { source_labels: [{{ $source }}], regex: {{ .namespace | quote }}, target_label: environment, replacement: {{ .name | quote }} }
{{- end }}
{{- end }}

{{/* Labels of a target that is a pod. One that ended answers no more. */}}
{{- define "observability.podLabels" -}}
- { source_labels: [__meta_kubernetes_pod_phase], regex: Failed|Succeeded, action: drop }
- { source_labels: [__meta_kubernetes_namespace], target_label: namespace }
- { source_labels: [__meta_kubernetes_pod_name], target_label: pod }
{{- include "observability.environment" (dict "root" . "source" "__meta_kubernetes_namespace") }}
{{- end }}

{{/* Labels of a slot's pod. Its own metrics have them too, with its version. */}}
{{- define "observability.slotLabels" -}}
- { source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_name], target_label: service }
- { source_labels: [__meta_kubernetes_pod_label_shopctl_dev_color], target_label: color }
- { source_labels: [__meta_kubernetes_pod_label_shopctl_dev_revision], target_label: revision }
{{- end }}

{{/*
Series that nobody looks at are dropped where they are many. Of RabbitMQ: those of Erlang's allocators and schedulers. Of
Postgres: its settings but one.
*/}}
{{- define "observability.rabbitmqSeries" -}}
- { source_labels: [__name__], regex: (erlang_vm_(allocators|msacc|dist|statistics)|telemetry|erlang_mnesia).*, action: drop }
{{- end }}

{{- define "observability.postgresSeries" -}}
- { source_labels: [__name__], regex: pg_(up|database_.+|locks_.+|stat_database_.+|settings_max_connections|exporter_last_scrape_.+|scrape_collector_success), action: keep }
{{- end }}

{{- define "observability.collectorSeries" -}}
- { source_labels: [__name__], regex: "otelcol_.+|process_(cpu_seconds_total|resident_memory_bytes)", action: keep }
- { source_labels: [__name__], regex: .+_bucket, action: drop }
{{- end }}

{{/* The series of kube-state-metrics that rules, dashboards and people read. */}}
{{- define "observability.stateSeries" -}}
{{- $names := list
  "service_(labels|annotations)" "endpoint_address" "namespace_created" "node_(info|status_condition)"
  "deployment_(labels|spec_replicas|status_replicas_available|status_replicas_ready)"
  "statefulset_(replicas|status_replicas_ready)" "persistentvolumeclaim_status_phase" "job_failed"
  "pod_(info|status_phase|status_ready|container_status_restarts_total)"
  "horizontalpodautoscaler_(spec_(max|min)_replicas|status_(current|desired)_replicas)" }}
{{- range $index, $name := $names }}{{ if $index }},{{ end }}^kube_{{ $name }}${{ end }}
{{- end }}
