{{/* The declared services as a RabbitMQ definitions file; users come from the Secret, see files/prepare.sh. */}}
{{- define "topology" -}}
{{- $exchange := .Values.exchange }}
{{- $permissions := list (dict "vhost" "/" "user" "admin" "configure" ".*" "write" ".*" "read" ".*") }}
{{- $queues := list }}
{{- $bindings := list }}
{{- range $service, $keys := .Values.services }}
{{- /* Declares nothing, publishes to the exchange, consumes its own queue. */}}
{{- $permissions = append $permissions (dict "vhost" "/" "user" $service "configure" "^$" "write" (printf "^%s$" (regexQuoteMeta $exchange)) "read" (printf "^%s$" (regexQuoteMeta $service))) }}
{{- $queues = append $queues (dict "vhost" "/" "name" $service "durable" true "auto_delete" false "arguments" (dict "x-queue-type" "quorum")) }}
{{- range $keys }}
{{- $bindings = append $bindings (dict "vhost" "/" "source" $exchange "destination" $service "destination_type" "queue" "routing_key" . "arguments" dict) }}
{{- end }}
{{- end }}
{{- /*
A policy, because an argument of a queue can never be changed. No limit: the broker would drop a message after 20
requeues, and an outage of a database or a few switches are reason enough for that many.
*/}}
{{- $policy := dict "vhost" "/" "name" "deliver-until-acknowledged" "pattern" ".*" "apply-to" "quorum_queues" "priority" 0 "definition" (dict "delivery-limit" -1) }}
{{- dict
  "vhosts" (list (dict "name" "/"))
  "permissions" $permissions
  "exchanges" (list (dict "vhost" "/" "name" $exchange "type" "topic" "durable" true "auto_delete" false "internal" false "arguments" dict))
  "queues" $queues
  "bindings" $bindings
  "policies" (list $policy)
  | mustToPrettyJson }}
{{- end }}
