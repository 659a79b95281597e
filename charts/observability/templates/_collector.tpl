{{/* Where the collector sends to: the address of an OTLP server, without /v1/logs. Empty: nowhere. */}}
{{- define "observability.logEndpoint" -}}
{{- $own := ternary "http://logs:9428/insert/opentelemetry" "" .Values.logs.store }}
{{- .Values.logs.endpoint | default $own }}
{{- end }}

{{/* The files in which the collector keeps what it has read and not yet sent are in /state, those of the containers in /pods. */}}
{{- define "observability.collector" -}}
receivers:
  file_log:
    # With the files that were rotated while the collector did not run.
    include: [/pods/*/*/*.log, /pods/*/*/*.log.*]
    exclude:
      - /pods/*/*/*.gz
      - /pods/*/*/*.tmp
      # What it says about a line must not become a line.
      - /pods/{{ .Release.Namespace }}_log-collector-*/*/*
    start_at: beginning
    storage: file_storage
    # The place of a line. Those that are sent again after a crash are known by it.
    include_file_path: true
    include_file_name: false
    include_file_record_offset: true
    max_log_size: 256KiB
    retry_on_failure: { enabled: true, max_elapsed_time: 0s }
    operators:
      # The time, the parts of a long line, and the pod by the file's path.
      - { type: container, max_log_size: 1MiB }
      # The body stays as it was written.
      - type: json_parser
        if: 'body startsWith "{"'
        parse_to: attributes.parsed
        on_error: send_quiet
        severity:
          parse_from: attributes.parsed.level
          if: 'type(attributes.parsed?.level) == "string"'
          on_error: send_quiet
      {{- range list "service" "color" "version" "revision" "plane" "orderId" "traceId" }}
      - { type: move, from: attributes.parsed.{{ . }}, to: attributes.{{ . }}, if: 'type(attributes.parsed?.{{ . }}) == "string"' }
      {{- end }}
      - type: trace_parser
        if: 'attributes.traceId matches "^[0-9a-f]{32}$"'
        trace_id: { parse_from: attributes.traceId }
        on_error: send_quiet
      - { type: remove, field: attributes.traceId, if: 'attributes.traceId matches "^[0-9a-f]{32}$"' }
      - { type: remove, field: attributes.parsed, if: 'attributes.parsed != nil' }
      - { type: remove, field: attributes.logtag, if: 'attributes.logtag != nil' }

processors:
  # Refuses what it has no memory for. The receiver reads it again.
  memory_limiter: { check_interval: 1s, limit_percentage: 75, spike_limit_percentage: 15 }
  # Postgres and RabbitMQ do not say who they are.
  k8s_attributes:
    auth_type: serviceAccount
    filter: { node_from_env_var: NODE_NAME }
    # After a start, lines wait until the pods are known.
    wait_for_metadata: true
    wait_for_metadata_timeout: 10s
    extract:
      metadata: [k8s.node.name]
      labels:
        - { tag_name: service.name, key: app.kubernetes.io/name, from: pod }
        - { tag_name: service.color, key: shopctl.dev/color, from: pod }
    pod_association:
      - sources: [{ from: resource_attribute, name: k8s.pod.uid }]

exporters:
  otlp_http:
    endpoint: {{ include "observability.logEndpoint" . }}
    # VictoriaLogs keeps lines with the same values of these together. Others ignore it.
    headers: { VL-Stream-Fields: "k8s.namespace.name,k8s.pod.name,k8s.container.name" }
    retry_on_failure: { enabled: true, max_interval: 10s, max_elapsed_time: 0s }
    sending_queue:
      storage: file_storage
      # When it is full, the files are not read on. Then a line is lost when the kubelet compresses its file,
      # which is at the second rotation after it: compressed files are not read.
      sizer: bytes
      queue_size: 500000000
      block_on_overflow: true
      batch: { sizer: bytes, flush_timeout: 500ms, min_size: 500000, max_size: 4000000 }

extensions:
  health_check: { endpoint: "0.0.0.0:13133" }
  # Writes do not wait for the disk. After a crash of the collector, nothing is lost. After a crash of the machine, the
  # file may be unreadable. Then the collector starts with an empty one, and sends all lines again.
  file_storage:
    directory: /state
    create_directory: true
    recreate: true
    compaction: { directory: /state, on_start: true, on_rebound: true, cleanup_on_start: true }

service:
  extensions: [health_check, file_storage]
  telemetry:
    logs: { level: warn, encoding: json }
    metrics:
      readers: [{ pull: { exporter: { prometheus: { host: 0.0.0.0, port: 8888 } } } }]
  pipelines:
    logs:
      receivers: [file_log]
      processors: [memory_limiter, k8s_attributes]
      exporters: [otlp_http]
{{- end }}
