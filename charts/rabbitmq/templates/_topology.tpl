{{/*
The topology of the broker, as a RabbitMQ definitions file without passwords. Entries have the same form as in the
broker's GET /api/definitions, so that the two can be compared.
*/}}
{{- define "topology" -}}
{{- $exchange := .Values.exchange }}
{{- $dead := .Values.deadLetterExchange }}
{{- $vhosts := list }}
{{- $users := list (dict "name" "admin" "tags" (list "administrator")) }}
{{- $permissions := list }}
{{- $topicPermissions := list }}
{{- $exchanges := list }}
{{- $queues := list }}
{{- $bindings := list }}
{{- $policies := list }}
{{- range $vhost := .Values.vhosts }}
{{- $vhosts = append $vhosts (dict "name" $vhost.name) }}
{{- $permissions = append $permissions (dict "vhost" $vhost.name "user" "admin" "configure" ".*" "write" ".*" "read" ".*") }}
{{- range list $exchange $dead }}
{{- $exchanges = append $exchanges (dict "vhost" $vhost.name "name" . "type" "topic" "durable" true "auto_delete" false "internal" false "arguments" dict) }}
{{- end }}
{{- /*
These are policies, because the arguments of a queue can never be changed. There is no delivery limit. By default the
broker drops a message that was returned 20 times, which may happen in an outage of a database or after some switches.
*/}}
{{- $policies = append $policies (dict "vhost" $vhost.name "name" "dead" "pattern" "\\.dead$" "apply-to" "quorum_queues" "priority" 0 "definition" (dict "delivery-limit" -1)) }}
{{- range $service, $types := $.Values.services }}
{{- $user := printf "%s%s" $service $vhost.userSuffix }}
{{- $deadQueue := printf "%s.dead" $service }}
{{- $users = append $users (dict "name" $user "tags" list) }}
{{- /* A service may publish to the exchange and consume its own two queues. It may declare nothing. */}}
{{- $read := printf "^(%s|%s)$" (regexQuoteMeta $service) (regexQuoteMeta $deadQueue) }}
{{- $permissions = append $permissions (dict "vhost" $vhost.name "user" $user "configure" "^$" "write" (printf "^%s$" (regexQuoteMeta $exchange)) "read" $read) }}
{{- /* With its own routing keys only: the types of its events, and its retries. It may bind nothing. */}}
{{- $keys := list (regexQuoteMeta (printf "retry.%s" $service)) }}
{{- range index $.Values.publishes $service }}
{{- $keys = append $keys (regexQuoteMeta .) }}
{{- end }}
{{- $topicPermissions = append $topicPermissions (dict "vhost" $vhost.name "user" $user "exchange" $exchange "write" (printf "^(%s)$" (join "|" $keys)) "read" "^$") }}
{{- range list $service $deadQueue }}
{{- $queues = append $queues (dict "vhost" $vhost.name "name" . "durable" true "auto_delete" false "arguments" (dict "x-queue-type" "quorum")) }}
{{- end }}
{{- /* The retries of a service have their own routing key. */}}
{{- range append $types (printf "retry.%s" $service) }}
{{- $bindings = append $bindings (dict "vhost" $vhost.name "source" $exchange "destination" $service "destination_type" "queue" "routing_key" . "arguments" dict) }}
{{- end }}
{{- $bindings = append $bindings (dict "vhost" $vhost.name "source" $dead "destination" $deadQueue "destination_type" "queue" "routing_key" $service "arguments" dict) }}
{{- /* At least once: a rejected message leaves its queue only when the dead-letter queue has it. This requires reject-publish. */}}
{{- $definition := dict "delivery-limit" -1 "dead-letter-exchange" $dead "dead-letter-routing-key" $service "dead-letter-strategy" "at-least-once" "overflow" "reject-publish" }}
{{- $policies = append $policies (dict "vhost" $vhost.name "name" $service "pattern" (printf "^%s$" (regexQuoteMeta $service)) "apply-to" "quorum_queues" "priority" 0 "definition" $definition) }}
{{- end }}
{{- end }}
{{- dict
  "vhosts" $vhosts
  "users" $users
  "permissions" $permissions
  "topic_permissions" $topicPermissions
  "exchanges" $exchanges
  "queues" $queues
  "bindings" $bindings
  "policies" $policies
  | mustToPrettyJson }}
{{- end }}
