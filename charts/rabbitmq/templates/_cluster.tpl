{{/* Additional settings for the nodes of a cluster. Empty for a single node. */}}
{{- define "cluster.conf" -}}
{{- if gt (int .Values.nodes) 1 -}}
cluster_formation.peer_discovery_backend = classic_config
cluster_formation.target_cluster_size_hint = {{ .Values.nodes }}
{{- range $index := until (int .Values.nodes) }}
cluster_formation.classic_config.nodes.{{ add1 $index }} = {{ include "node" (dict "pod" (printf "rabbitmq-%d" $index) "root" $) }}
{{- end }}
# A node without a majority refuses its clients, which then connect to another node.
cluster_partition_handling = pause_minority
{{- end }}
{{- end }}

{{/* The full name of a node. The node's data belongs to its name, and other nodes must be able to resolve it. */}}
{{- define "node" -}}
rabbit@{{ .pod }}.rabbitmq-nodes.{{ .root.Release.Namespace }}.svc.cluster.local
{{- end }}
