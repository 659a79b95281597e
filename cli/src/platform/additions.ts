/** What `platform up --with` adds to the cluster. The command line knows them without loading the platform. */
export const additions = ['observability', 'gitops'] as const
export type Addition = (typeof additions)[number]

/** An environment of shopctl.yaml in the embedded cluster. */
export interface EmbeddedEnvironment {
  name: string
  namespace: string
}
