import { defineConfig } from 'vitest/config'

// unit: pure code and fakes, seconds. real: the real cluster, broker and database, one file after another.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['cli/test/**/*.test.ts', 'services/*/test/**/*.test.ts'],
          exclude: ['cli/test/real/**', '**/node_modules/**'],
        },
      },
      {
        test: {
          name: 'real',
          include: ['cli/test/real/**/*.test.ts', 'services/test/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
})
