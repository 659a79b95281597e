// The kinds that the charts of slots and Services may have where Argo CD releases them.

/** No Secrets: none belongs in git, and a slot's copies are made by shopctl. */
export const releasedKinds = [
  {
    group: '',
    kinds: ['ConfigMap', 'Service', 'ServiceAccount'],
    resources: ['configmaps', 'services', 'serviceaccounts'],
  },
  { group: 'apps', kinds: ['Deployment'], resources: ['deployments'] },
  {
    group: 'autoscaling',
    kinds: ['HorizontalPodAutoscaler'],
    resources: ['horizontalpodautoscalers'],
  },
  { group: 'batch', kinds: ['Job'], resources: ['jobs'] },
  {
    group: 'networking.k8s.io',
    kinds: ['Ingress', 'NetworkPolicy'],
    resources: ['ingresses', 'networkpolicies'],
  },
  { group: 'policy', kinds: ['PodDisruptionBudget'], resources: ['poddisruptionbudgets'] },
  {
    group: 'rbac.authorization.k8s.io',
    kinds: ['Role', 'RoleBinding'],
    resources: ['roles', 'rolebindings'],
  },
] as const
