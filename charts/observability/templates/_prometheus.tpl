{{/* A pod of this chart, by its name and the number of its port. */}}
{{- define "observability.ownPod" -}}
kubernetes_sd_configs:
  - role: pod
    namespaces: { names: [{{ .root.Release.Namespace | quote }}] }
    selectors: [{ role: pod, label: app.kubernetes.io/part-of=observability }]
relabel_configs:
  - { source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_name, __meta_kubernetes_pod_container_port_number], regex: {{ .name }};{{ .port }}, action: keep }
  {{- if eq .name "kube-state-metrics" }}
  # Its series are about others. A label of its own pod would make all of them new after a restart.
  - { target_label: instance, replacement: kube-state-metrics }
  - { target_label: environment, replacement: cluster }
  {{- else }}
  {{- include "observability.podLabels" .root | nindent 2 }}
  {{- end }}
{{- end }}

{{/* A pod of the shop or what it depends on, by the names of the pod and its port. */}}
{{- define "observability.namedPod" -}}
kubernetes_sd_configs:
  - role: pod
    selectors: [{ role: pod, label: "app.kubernetes.io/name in (rabbitmq, postgres-exporter)" }]
relabel_configs:
  - { source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_name, __meta_kubernetes_pod_container_port_name], regex: {{ .name }};{{ .port }}, action: keep }
  {{- include "observability.podLabels" .root | nindent 2 }}
{{- end }}

{{/* HTTPS with the ServiceAccount's token and the cluster's authority. */}}
{{- define "observability.https" -}}
scheme: https
authorization: { credentials_file: /var/run/secrets/kubernetes.io/serviceaccount/token }
tls_config:
  ca_file: /var/run/secrets/kubernetes.io/serviceaccount/ca.crt
{{- end }}

{{- define "observability.kubelet" -}}
{{ include "observability.https" . }}
  insecure_skip_verify: {{ .Values.kubelet.insecureSkipVerify }}
# What changes slowly, and is costly to collect.
scrape_interval: 15s
kubernetes_sd_configs:
  - role: node
relabel_configs:
  - { target_label: environment, replacement: cluster }
{{- end }}

{{- define "observability.prometheus" -}}
global:
  scrape_interval: {{ .Values.scrape }}
  evaluation_interval: {{ .Values.evaluation }}
rule_files: [/etc/prometheus/rules/*.yaml]
alerting:
  alertmanagers:
    - static_configs: [{ targets: ["alertmanager:9093"] }]
storage:
  exemplars: { max_exemplars: 20000 }
scrape_configs:
  # Both slots of each service. The pods label their metrics themselves.
  - job_name: shop
    honor_labels: true
    kubernetes_sd_configs:
      - role: pod
        selectors: [{ role: pod, label: shopctl.dev/color }]
    relabel_configs:
      - { source_labels: [__meta_kubernetes_pod_container_port_name], regex: management, action: keep }
      {{- include "observability.podLabels" . | nindent 6 }}
      {{- include "observability.slotLabels" . | nindent 6 }}

  - job_name: rabbitmq
    {{- include "observability.namedPod" (dict "root" . "name" "rabbitmq" "port" "prometheus") | nindent 4 }}
    metric_relabel_configs:
      {{- include "observability.rabbitmqSeries" . | nindent 6 }}

  # Each queue by itself. /metrics has sums only.
  - job_name: rabbitmq-queues
    metrics_path: /metrics/detailed
    params: { family: [queue_coarse_metrics, queue_consumer_count] }
    {{- include "observability.namedPod" (dict "root" . "name" "rabbitmq" "port" "prometheus") | nindent 4 }}

  - job_name: postgres
    # Each reading is a few queries.
    scrape_interval: 15s
    {{- include "observability.namedPod" (dict "root" . "name" "postgres-exporter" "port" "metrics") | nindent 4 }}
    metric_relabel_configs:
      {{- include "observability.postgresSeries" . | nindent 6 }}

  - job_name: kubelet
    {{- include "observability.kubelet" . | nindent 4 }}
    metric_relabel_configs:
      - { source_labels: [__name__], regex: "kubelet_(certificate_manager|running|volume_stats|node|pleg_relist_duration_seconds_(sum|count)|runtime_operations_errors).*|process_(cpu_seconds_total|resident_memory_bytes)", action: keep }
      {{- include "observability.environment" (dict "root" . "source" "namespace") | trim | nindent 6 }}

  - job_name: cadvisor
    metrics_path: /metrics/cadvisor
    {{- include "observability.kubelet" . | nindent 4 }}
    metric_relabel_configs:
      - { source_labels: [__name__], regex: "container_(cpu_(usage_seconds|cfs_periods|cfs_throttled_periods)_total|memory_working_set_bytes|spec_(memory_limit_bytes|cpu_quota|cpu_period))|machine_(cpu_cores|memory_bytes)", action: keep }
      # Only the sums of pods. They have no name, unlike the containers in them, and they are there with every runtime.
      - { source_labels: [__name__, pod, name], regex: "container_.+;(;.*|.+;.+)", action: drop }
      - { regex: id|name|image|container, action: labeldrop }
      - { source_labels: [pod], regex: "(.+)-(blue|green)-[a-z0-9]+-[a-z0-9]+", target_label: service, replacement: $1 }
      - { source_labels: [pod], regex: "(.+)-(blue|green)-[a-z0-9]+-[a-z0-9]+", target_label: color, replacement: $2 }
      {{- include "observability.environment" (dict "root" . "source" "namespace") | trim | nindent 6 }}

  - job_name: apiserver
    {{- include "observability.https" . | nindent 4 }}
      server_name: kubernetes.default.svc
    # Its answer has many thousand lines.
    scrape_interval: 30s
    kubernetes_sd_configs:
      - role: endpointslice
        namespaces: { names: [default] }
    relabel_configs:
      - { source_labels: [__meta_kubernetes_service_name, __meta_kubernetes_endpointslice_port_name], regex: kubernetes;https, action: keep }
      - { target_label: environment, replacement: cluster }
    metric_relabel_configs:
      - { source_labels: [__name__], regex: "apiserver_(request_total|request_terminations_total|current_inflight_requests|client_certificate_expiration_seconds_.+|storage_objects)|process_(cpu_seconds_total|resident_memory_bytes)", action: keep }

  - job_name: kube-state-metrics
    honor_labels: true
    {{- include "observability.ownPod" (dict "root" . "name" "kube-state-metrics" "port" 8080) | nindent 4 }}
    metric_relabel_configs:
      {{- include "observability.environment" (dict "root" . "source" "namespace") | trim | nindent 6 }}

  # The controller, where there is one. Its metrics are about certificates in other namespaces.
  - job_name: cert-manager
    honor_labels: true
    kubernetes_sd_configs:
      - role: pod
        selectors: [{ role: pod, label: app.kubernetes.io/name=cert-manager }]
    relabel_configs:
      - { source_labels: [__meta_kubernetes_pod_container_port_name], regex: http-metrics, action: keep }
      {{- include "observability.podLabels" . | nindent 6 }}
    metric_relabel_configs:
      - { source_labels: [__name__], regex: certmanager_certificate_expiration_timestamp_seconds, action: keep }
      {{- include "observability.environment" (dict "root" . "source" "namespace") | trim | nindent 6 }}

  - job_name: node
    {{- include "observability.ownPod" (dict "root" . "name" "node-exporter" "port" 9100) | nindent 4 }}
      - { source_labels: [__meta_kubernetes_pod_node_name], target_label: instance }
      - { target_label: environment, replacement: cluster }

  - job_name: prometheus
    {{- include "observability.ownPod" (dict "root" . "name" "prometheus" "port" 9090) | nindent 4 }}
    metric_relabel_configs:
      - { source_labels: [__name__], regex: "(go|promhttp|net_conntrack|prometheus_(engine|http|sd|target_sync|tsdb_compaction)).*|.+_bucket", action: drop }

  - job_name: alertmanager
    {{- include "observability.ownPod" (dict "root" . "name" "alertmanager" "port" 9093) | nindent 4 }}
    metric_relabel_configs:
      - { source_labels: [__name__], regex: "(go|promhttp|alertmanager_http).*|.+_bucket", action: drop }

  - job_name: log-collector
    {{- include "observability.ownPod" (dict "root" . "name" "log-collector" "port" 8888) | nindent 4 }}
    metric_relabel_configs:
      {{- include "observability.collectorSeries" . | nindent 6 }}
  {{- if .Values.logs.store }}

  - job_name: logs
    {{- include "observability.ownPod" (dict "root" . "name" "logs" "port" 9428) | nindent 4 }}
    metric_relabel_configs:
      - { source_labels: [__name__], regex: "vl_(rows|data|free|total_disk|storage|http_errors|http_requests|streams).*|process_(cpu_seconds_total|resident_memory_bytes)", action: keep }
  {{- end }}
{{- end }}
