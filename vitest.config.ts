import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

// Tests are no releases: they do not write to the summary of the workflow that runs them, nor to Slack.
for (const name of ['GITHUB_ACTIONS', 'SHOPCTL_EVENTS_FILE', 'SHOPCTL_SLACK_WEBHOOK'])
  delete process.env[name]

/** The files that fill the node, or restart all of its pods. */
const platform = ['observability', 'platform', 'platform-down']
const platformFiles = platform.map((name) => `cli/test/real/${name}.test.ts`)
const gitopsFiles = 'cli/test/real/gitops*.test.ts'

/**
 * The order of the files in `cli/test/real`; '' are all others. The first two fill the node, so they run before the shop is
 * there. `release` and `gitops` need an empty environment, and leave one that the others use.
 */
const order = ['dependencies', 'foreign', 'release', 'gitops', '', ...platform]

function placeOf({ moduleId }: TestSpecification): number {
  const [, name = ''] = /\/real\/(.+)\.test\.ts$/.exec(moduleId) ?? []
  return order.indexOf(order.includes(name) ? name : '')
}

class RealOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).sort((one, two) => placeOf(one) - placeOf(two))
  }
}

const patience = { testTimeout: 60_000, hookTimeout: 300_000 }

export default defineConfig({
  test: {
    sequence: { sequencer: RealOrder },
    // With `--coverage` alone, as `npm test` does. Processes that a test starts count too.
    coverage: {
      provider: 'v8',
      autoAttachSubprocess: true,
      include: ['cli/src/**/*.ts', 'services/**/*.ts'],
      exclude: ['**/test/**'],
      reporter: ['lcovonly'],
      reportOnFailure: true,
    },
    projects: [
      // Pure code, fakes and rendered charts: seconds.
      {
        test: {
          name: 'unit',
          // Others run beside them.
          testTimeout: 20_000,
          include: ['cli/test/**/*.test.ts', 'services/*/test/**/*.test.ts'],
          exclude: ['cli/test/{apart,real,soak}/**', '**/node_modules/**'],
        },
      },
      // The services' parts against a real database and broker.
      {
        test: {
          ...patience,
          name: 'services',
          include: ['services/test/**/*.test.ts'],
          globalSetup: 'services/test/global-setup.ts',
        },
      },
      // Tests without the shop: each file starts its own servers, or has its own namespace. None measures time, so that
      // they can run beside `real`. One file after another, since several fetch the same packages in the first run.
      {
        test: {
          ...patience,
          name: 'apart',
          include: ['cli/test/apart/**/*.test.ts'],
          fileParallelism: false,
          // Those that only wait do so together.
          maxConcurrency: 12,
        },
      },
      // The shop on the real cluster, one file after another.
      {
        test: {
          ...patience,
          name: 'real',
          include: ['cli/test/real/**/*.test.ts'],
          exclude: [gitopsFiles, ...platformFiles],
          globalSetup: 'cli/test/real/global-setup.ts',
          fileParallelism: false,
        },
      },
      // The shop with Argo CD, which is installed for them.
      {
        test: {
          ...patience,
          name: 'gitops',
          include: [gitopsFiles],
          globalSetup: 'cli/test/real/gitops-setup.ts',
          fileParallelism: false,
        },
      },
      // The platform itself.
      {
        test: {
          ...patience,
          name: 'platform',
          include: platformFiles,
          fileParallelism: false,
        },
      },
      // What takes too long for every day, on the real cluster too: `npm run soak`.
      {
        test: {
          ...patience,
          name: 'soak',
          include: ['cli/test/soak/**/*.test.ts'],
          fileParallelism: false,
        },
      },
    ],
  },
})
