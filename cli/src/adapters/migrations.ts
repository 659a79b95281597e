import type { MigrationCheck } from '../release/ports.ts'
export function createMigrationCheck(): MigrationCheck {
  return { contractions: async () => [] }
}
