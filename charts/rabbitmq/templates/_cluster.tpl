{{/* What nodes of a cluster need to know besides; empty for a single one. */}}
{{- define "cluster.conf" -}}
{{- if gt (int .Values.nodes) 1 -}}
cluster_formation.peer_discovery_backend = classic_config
cluster_formation.target_cluster_size_hint = {{ .Values.nodes }}
{{- range $index := until (int .Values.nodes) }}
cluster_formation.classic_config.nodes.{{ add1 $index }} = {{ include "node" (dict "pod" (printf "rabbitmq-%d" $index) "root" $) }}
{{- end }}
# Without a majority a node refuses its clients, who then find one of the others.
cluster_partition_handling = pause_minority
{{- end }}
{{- end }}

{{/* The full name, since data belong to the node's name and a cluster needs one that others resolve. */}}
{{- define "node" -}}
rabbit@{{ .pod }}.rabbitmq-nodes.{{ .root.Release.Namespace }}.svc.cluster.local
{{- end }}
