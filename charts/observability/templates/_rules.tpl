{{- /* How an alert gets the labels of the slot that is concerned, by what it has in common with that slot. */}}
{{- define "observability.joins" -}}
service: { by: [environment, service], labels: [color, version, release], slot: "service:live_slot:info" }
color: { by: [environment, service, color], labels: [version, release], slot: "service:live_slot:info" }
version: { by: [environment, service, color, version], labels: [release], slot: "service:live_slot:info" }
release: { by: [environment, service], labels: [release], slot: "service:released:info" }
{{- end }}

{{- /* The flag --env of a command. An alert of the whole cluster names the first environment. Without names, none is known. */}}
{{- define "observability.env" -}}
{{- if .Values.environments }}
{{- $names := list }}
{{- range .Values.environments }}{{ $names = append $names (quote .name) }}{{ end }}
{{- printf "--env {{ if eq $labels.environment %s }}{{ $labels.environment }}{{ else }}%s{{ end }}" (join " " $names) (first .Values.environments).name }}
{{- end }}
{{- end }}

{{- /* What the %names% of the files stand for. `slot` and `releases` are templates of Prometheus. */}}
{{- define "observability.names" -}}
{{- $slot := "{{ $labels.service }}{{ with $labels.color }} {{ . }}{{ end }}{{ with $labels.version }} {{ . }}{{ end }}{{ with $labels.release }} ({{ . }}){{ end }}" }}
{{- $releases := "{{ with query (printf `service:live_slot:info{environment=%q}` $labels.environment) | sortByLabel `service` }} Live:{{ range . }} {{ .Labels.service }} {{ .Labels.color }} {{ .Labels.release }};{{ end }}{{ end }}" }}
{{- $promises := dict
  "accepted" "plane=\"live\",service=\"order\",method=\"POST\",route=\"/orders\""
  "acceptedObjective" .Values.slos.accepted.objective
  "confirmedObjective" .Values.slos.confirmed.objective
  "withinSeconds" .Values.slos.confirmed.withinSeconds
  "ordersPerSecond" .Values.slos.ordersPerSecond }}
{{- toJson (merge (dict "env" (include "observability.env" .) "slot" $slot "releases" $releases) $promises .Values.alerts) }}
{{- end }}

{{- /* Replaces the names in a document, as JSON: no value can break its syntax. */}}
{{- define "observability.fill" -}}
{{- $text := toJson .document }}
{{- range $name, $value := .names }}
{{- $text = replace (printf "%%%s%%" $name) (toString $value | toJson | trimPrefix "\"" | trimSuffix "\"") $text }}
{{- end }}
{{- $text }}
{{- end }}

{{- /* The rules of the promises, as { rules }. */}}
{{- define "observability.promises" -}}
{{- $file := .Files.Get "files/promises.yaml" | fromYaml }}
{{- $rules := list }}
{{- $windows := list }}
{{- range .Values.slos.windows }}{{ $windows = append (append $windows .long) .short }}{{ end }}
{{- range uniq $windows }}
{{- $filled := include "observability.fill" (dict "document" (dict "rules" $file.window) "names" (dict "window" .)) | fromJson }}
{{- $rules = concat $rules $filled.rules }}
{{- end }}
{{- range .Values.slos.windows }}
{{- $filled := include "observability.fill" (dict "document" (dict "rules" $file.pair) "names" .) | fromJson }}
{{- $rules = concat $rules $filled.rules }}
{{- end }}
{{- toJson (dict "rules" $rules) }}
{{- end }}

{{- /* Turns an alert of the files into one of Prometheus. */}}
{{- define "observability.alert" -}}
{{- $alert := omit .alert "join" "dashboard" }}
{{- with .alert.join }}
{{- $join := get (include "observability.joins" $ | fromYaml) . }}
{{- $expr := trim $alert.expr }}
{{- $on := printf "on (%s)" (join ", " $join.by) }}
{{- /* Without the state of the cluster there is nothing to join, and the alert must still come. */}}
{{- $_ := set $alert "expr" (printf "(%s) * %s group_left (%s) %s\nor %s (%s)" $expr $on (join ", " $join.labels) $join.slot $on $expr) }}
{{- end }}
{{- $_ := set $alert.labels "environment" "{{ with $labels.environment }}{{ . }}{{ else }}cluster{{ end }}" }}
{{- if not .root.Values.environments }}
{{- $_ := set $alert.annotations "command" (replace " %env%" "" $alert.annotations.command) }}
{{- end }}
{{- with .root.Values.runbooks }}
{{- $_ := set $alert.annotations "runbook_url" (printf "%s/%s.md" . $alert.alert) }}
{{- else }}
{{- $_ := set $alert.annotations "runbook" (printf "charts/observability/runbooks/%s.md" $alert.alert) }}
{{- end }}
{{- with .root.Values.dashboards }}
{{- $variables := "{{ with $labels.environment }}?var-environment={{ . }}{{ with $labels.service }}&var-service={{ . }}{{ end }}{{ end }}" }}
{{- $_ := set $alert.annotations "dashboard_url" (printf "%s/d/%s%s" . $.alert.dashboard $variables) }}
{{- end }}
{{- toJson $alert }}
{{- end }}

{{- define "observability.rules" -}}
{{- $root := . }}
{{- $file := .Files.Get "files/rules.yaml" | fromYaml }}
{{- $promises := include "observability.promises" . | fromJson }}
{{- $groups := list }}
{{- range append $file.groups (dict "name" "promises" "rules" $promises.rules) }}
{{- $rules := list }}
{{- range .rules }}
{{- if .alert }}
{{- $rules = append $rules (include "observability.alert" (dict "root" $root "alert" .) | fromJson) }}
{{- else }}
{{- $rules = append $rules . }}
{{- end }}
{{- end }}
{{- $groups = append $groups (dict "name" .name "rules" $rules) }}
{{- end }}
{{- $names := include "observability.names" . | fromJson }}
{{- include "observability.fill" (dict "document" (dict "groups" $groups) "names" $names) | fromJson | toYaml }}
{{- end }}
