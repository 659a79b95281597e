{{- /* An alert. Its command is the first that a person runs. */}}
{{- define "observability.alert" -}}
- alert: {{ .name }}
  expr: {{ .expr | toJson }}
  {{- with .for }}
  for: {{ . }}
  {{- end }}
  labels:
    severity: {{ .severity }}
    environment: {{ .root.Values.environment | quote }}
    {{- with .service }}
    service: {{ . }}
    {{- end }}
  annotations:
    summary: {{ .summary | toJson }}
    description: {{ .description | toJson }}
    command: {{ .command | toJson }}
    {{- with .root.Values.runbooks }}
    runbook_url: {{ printf "%s/%s.md" . $.name }}
    {{- end }}
    {{- with .root.Values.dashboards }}
    dashboard_url: {{ printf "%s/%s" . $.dashboard }}
    {{- end }}
{{- end }}

{{- define "observability.rules" -}}
{{- $ := . }}
{{- $limits := .Values.alerts }}
{{- $env := .Values.environment }}
groups:
  - name: slots
    rules:
      # The slot that serves, with its release: alerts name it.
      - record: shop:live_slot
        expr: max by (service, color, version, revision) (slot_live{plane="live"} == 1)
      - record: shop:http_requests:rate
        expr: sum by (service, color, version, revision) (rate(http_request_duration_seconds_count{plane="live"}[1m]))
      - record: shop:http_errors:rate
        expr: sum by (service, color, version, revision) (rate(http_request_duration_seconds_count{plane="live",status=~"5.."}[1m]))
  - name: services
    rules:
      {{- range .Values.services }}
      {{- $alert := dict "root" $ "name" "ServiceDown" "severity" "critical" "for" $limits.for "dashboard" "shop" "service" . }}
      {{- $_ := set $alert "expr" (printf "absent(slot_live{service=%q,plane=\"live\"} == 1)" .) }}
      {{- $_ := set $alert "summary" (printf "%s is down" .) }}
      {{- $_ := set $alert "description" (printf "No pod of a live slot of %s answers Prometheus." .) }}
      {{- $_ := set $alert "command" (printf "shopctl status --env %s --service %s" $env .) }}
      {{- include "observability.alert" $alert | nindent 6 }}
      {{- end }}
      {{- include "observability.alert" (dict "root" $ "name" "LatencyHigh" "severity" "warning" "for" $limits.for "dashboard" "release"
        "expr" (printf "histogram_quantile(0.99, sum by (service, color, version, revision, le) (rate(http_request_duration_seconds_bucket{plane=\"live\"}[1m]))) > %v" $limits.latencySeconds)
        "summary" "{{ $labels.service }} answers slowly"
        "description" (printf "p99 of {{ $labels.service }} {{ $labels.color }} ({{ $labels.version }}) is {{ $value | humanizeDuration }}; the limit is %vs." $limits.latencySeconds)
        "command" (printf "shopctl status --env %s" $env)) | nindent 6 }}
      {{- include "observability.alert" (dict "root" $ "name" "StandbyConsumes" "severity" "critical" "for" $limits.for "dashboard" "release"
        "expr" "max by (service, color, version) (slot_consuming{plane=\"live\"} == 1) unless on (service, color) max by (service, color) (slot_live{plane=\"live\"} == 1)"
        "summary" "The standby slot of {{ $labels.service }} handles live messages"
        "description" "{{ $labels.service }} {{ $labels.color }} ({{ $labels.version }}) consumes although its Service names another slot."
        "command" (printf "shopctl status --env %s --service {{ $labels.service }}" $env)) | nindent 6 }}
      {{- include "observability.alert" (dict "root" $ "name" "TwoColorsConsume" "severity" "critical" "for" $limits.for "dashboard" "release"
        "expr" "count by (service) (max by (service, color) (slot_consuming{plane=\"live\"} == 1)) > 1"
        "summary" "Two slots of {{ $labels.service }} handle live messages"
        "description" "Both colors of {{ $labels.service }} consume its queue. The gate lets only one commit."
        "command" (printf "shopctl status --env %s --service {{ $labels.service }}" $env)) | nindent 6 }}
  - name: messaging
    rules:
      {{- include "observability.alert" (dict "root" $ "name" "BrokerDown" "severity" "critical" "for" $limits.for "dashboard" "messaging"
        "expr" "sum(up{job=\"rabbitmq\"}) == 0 or absent(up{job=\"rabbitmq\"})"
        "summary" "RabbitMQ is down"
        "description" "No node of RabbitMQ answers Prometheus. Orders are accepted, and their events wait in the outbox."
        "command" (printf "shopctl status --env %s" $env)) | nindent 6 }}
      {{- include "observability.alert" (dict "root" $ "name" "QueueOverloaded" "severity" "warning" "for" $limits.for "dashboard" "messaging"
        "expr" (printf "label_replace(sum by (queue) (rabbitmq_detailed_queue_messages_ready{vhost=\"/\"}), \"service\", \"$1\", \"queue\", \"(.+)\") > %v" $limits.queuedMessages)
        "summary" "Messages pile up in the queue {{ $labels.queue }}"
        "description" (printf "{{ $value }} messages are ready in {{ $labels.queue }}; the limit is %v." $limits.queuedMessages)
        "command" (printf "shopctl messages list --env %s --service {{ $labels.service }}" $env)) | nindent 6 }}
      {{- include "observability.alert" (dict "root" $ "name" "OutboxStuck" "severity" "critical" "for" $limits.for "dashboard" "messaging"
        "expr" (printf "max by (service) (outbox_oldest_event_age_seconds{plane=\"live\"}) > %v" $limits.outboxSeconds)
        "summary" "Events of {{ $labels.service }} are not published"
        "description" "The oldest event in the outbox of {{ $labels.service }} has been due for {{ $value | humanizeDuration }}."
        "command" (printf "shopctl messages list --env %s --service {{ $labels.service }}" $env)) | nindent 6 }}
      {{- include "observability.alert" (dict "root" $ "name" "MessagesParked" "severity" "warning" "for" $limits.for "dashboard" "messaging"
        "expr" "max by (service) (messages_parked{plane=\"live\"}) > 0"
        "summary" "Messages of {{ $labels.service }} wait for a person"
        "description" "{{ $value }} messages of {{ $labels.service }} could not be handled."
        "command" (printf "shopctl messages list --env %s --service {{ $labels.service }}" $env)) | nindent 6 }}
  - name: nodes
    rules:
      {{- include "observability.alert" (dict "root" $ "name" "CpuHigh" "severity" "warning" "for" $limits.for "dashboard" "infrastructure"
        "expr" (printf "1 - avg by (instance) (rate(node_cpu_seconds_total{mode=\"idle\"}[1m])) > %v" $limits.cpu)
        "summary" "The processors of {{ $labels.instance }} are busy"
        "description" (printf "{{ $value | humanizePercentage }} of the processors are in use; the limit is %v." $limits.cpu)
        "command" (printf "shopctl status --env %s" $env)) | nindent 6 }}
      {{- include "observability.alert" (dict "root" $ "name" "DiskFull" "severity" "critical" "for" $limits.for "dashboard" "infrastructure"
        "expr" (printf "min by (instance, mountpoint) (node_filesystem_avail_bytes / node_filesystem_size_bytes) < %v" $limits.disk)
        "summary" "The disk {{ $labels.mountpoint }} of {{ $labels.instance }} is nearly full"
        "description" "{{ $value | humanizePercentage }} of it is free."
        "command" (printf "shopctl status --env %s" $env)) | nindent 6 }}
  - name: slos
    rules:
      {{- range .Values.slos.windows }}
      {{- $factor := .factor }}
      {{- $accepted := printf "sum by (service, color, version) (rate(http_request_duration_seconds_count{plane=\"live\",service=\"order\",method=\"POST\",status=~\"5..\"}[%%s])) / ignoring (color, version) group_left sum by (service) (rate(http_request_duration_seconds_count{plane=\"live\",service=\"order\",method=\"POST\"}[%%s])) > %v" (mulf $factor (subf 1.0 $.Values.slos.accepted.objective)) }}
      {{- include "observability.alert" (dict "root" $ "name" "OrdersNotAccepted" "severity" .severity "for" $limits.for "dashboard" "shop"
        "expr" (printf "(%s) and (%s)" (printf $accepted .long .long) (printf $accepted .short .short))
        "summary" "Orders are not accepted"
        "description" (printf "{{ $value | humanizePercentage }} of the orders fail in {{ $labels.color }} ({{ $labels.version }}): the budget of 30 days burns %v times too fast over %s." $factor .long)
        "command" (printf "shopctl rollback --env %s" $env)) | nindent 6 }}
      {{- end }}
      {{- include "observability.alert" (dict "root" $ "name" "Watchdog" "severity" "none" "dashboard" "infrastructure"
        "expr" "vector(1)"
        "summary" "Alerts arrive"
        "description" "This alert always fires. When it stays away, no other arrives either."
        "command" (printf "shopctl status --env %s" $env)) | nindent 6 }}
{{- end }}
