{{- /* To Slack, by the URL in the Secret that is mounted beside the configuration. */}}
{{- define "observability.slackReceiver" -}}
- name: {{ .name }}
  {{- if .sends }}
  slack_configs:
    - api_url_file: /etc/alertmanager/slack/{{ .to.key }}
      {{- with .to.channel }}
      channel: {{ . | quote }}
      {{- end }}
      send_resolved: true
      color: {{ `{{ if eq .Status "resolved" }}#2ca02c{{ else if eq .CommonLabels.severity "critical" }}#d62728{{ else }}#ff9f1c{{ end }}` | quote }}
      title: {{ .files.Get "files/slack-title.tmpl" | toJson }}
      # The default leads to Alertmanager itself, which nobody can reach from Slack.
      title_link: ""
      fallback: {{ .files.Get "files/slack-title.tmpl" | toJson }}
      text: {{ .files.Get "files/slack-text.tmpl" | toJson }}
      mrkdwn_in: [text]
  {{- end }}
{{- end }}

{{- define "observability.alertmanager" -}}
{{- $sends := or .Values.slack.secret .Values.receiver }}
{{- $slack := .Values.slack }}
route:
  group_by: [environment, service]
  group_wait: {{ $slack.groupWait }}
  group_interval: {{ $slack.groupInterval }}
  repeat_interval: {{ $slack.repeat }}
  receiver: warning
  routes:
    - matchers: ['alertname="Watchdog"']
      receiver: heartbeat
      group_wait: 0s
      group_interval: 1m
      # Less than the interval. Otherwise each second one is a moment too early, and skipped.
      repeat_interval: 50s
    # They only silence others.
    - matchers: ['severity="none"']
      receiver: nobody
    - matchers: ['severity="critical"']
      receiver: critical

# What follows from something that has a message already.
inhibit_rules:
  - source_matchers: ['alertname="BrokerDown"']
    target_matchers: ['alertname=~"QueueOverloaded|OutboxStuck|StandbyConsumes|TwoColorsConsume|OrdersLate"']
    equal: [environment]
  # Replicas and targets of the broker itself.
  - source_matchers: ['alertname="BrokerDown"']
    target_matchers: ['alertname="ReplicasMissing"', 'service="rabbitmq"']
    equal: [environment]
  - source_matchers: ['alertname="BrokerDown"']
    target_matchers: ['alertname="TargetDown"', 'job=~"rabbitmq|rabbitmq-queues"']
    equal: [environment]
  - source_matchers: ['alertname="DatabaseDown"']
    target_matchers: ['alertname=~"LatencyHigh|QueueOverloaded|OutboxStuck|MessagesParked|OrdersFail"']
    equal: [environment, service]
  # An order goes through all services, and their databases may be on one server.
  - source_matchers: ['alertname="DatabaseDown"']
    target_matchers: ['alertname="OrdersLate"']
    equal: [environment]
  - source_matchers: ['alertname="DatabaseDown"']
    target_matchers: ['alertname="ReplicasMissing"', 'service="postgres"']
    equal: [environment]
  - source_matchers: ['alertname="DatabaseDown"']
    target_matchers: ['alertname="TargetDown"', 'job="postgres"']
    equal: [environment]
  - source_matchers: ['alertname="ServiceDown"']
    target_matchers: ['alertname=~"LatencyHigh|ReplicasMissing|TargetDown|RestartsOften|QueueOverloaded|OutboxStuck|OrdersFail"']
    equal: [environment, service]
  # An order goes through all services.
  - source_matchers: ['alertname="ServiceDown"']
    target_matchers: ['alertname="OrdersLate"']
    equal: [environment]
  - source_matchers: ['alertname="SwitchRunning"']
    target_matchers: ['alertname=~"StandbyConsumes|TwoColorsConsume|ReplicasMissing|TargetDown"']
    equal: [environment, service]
  # Of two pairs of windows, the faster.
  - source_matchers: ['severity="critical"']
    target_matchers: ['severity="warning"', 'alertname=~"OrdersFail|OrdersLate"']
    equal: [environment, service, alertname]

receivers:
  - name: nobody
  - name: heartbeat
    {{- if or $slack.heartbeat .Values.receiver }}
    webhook_configs:
      - url_file: /etc/alertmanager/slack/heartbeat
        send_resolved: false
    {{- end }}
  {{- include "observability.slackReceiver" (dict "name" "critical" "to" $slack.critical "sends" $sends "files" .Files) | nindent 2 }}
  {{- include "observability.slackReceiver" (dict "name" "warning" "to" $slack.warning "sends" $sends "files" .Files) | nindent 2 }}
{{- end }}
