/** What `platform up --with` adds to the cluster. The command line knows them without loading the platform. */
export const additions = ['observability'] as const
export type Addition = (typeof additions)[number]
