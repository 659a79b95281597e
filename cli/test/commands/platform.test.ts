// What the commands of the platform print.
import { expect, it } from 'vitest'
import {
  describeDown,
  describeStatus,
  exportLines,
  platformEnvCommand,
  platformStatusCommand,
} from '../../src/commands/platform.ts'
import type { Platform, PlatformStatus } from '../../src/platform/platform.ts'

function contextOf(answers: { status?: PlatformStatus; env?: Record<string, string> }) {
  const platform = {
    status: async () => answers.status,
    env: async () => answers.env,
  } as unknown as Platform
  return { platform, embeddedEnvironments: async () => [] }
}

it('prints variables that any shell reads as they are', () => {
  expect(exportLines({ A: '/x y', B: "it's" })).toBe("export A='/x y'\nexport B='it'\\''s'")
})

const stopped = {
  version: 1 as const,
  running: false,
  kubeconfig: null,
  registry: null,
  edgeUrl: null,
  previewUrl: null,
  with: [],
  git: null,
}

it.each([
  [null, 'The platform is stopped.'],
  [7, 'The platform is partly running.'],
])('describes a platform whose etcd has pid %s', (pid, sentence) => {
  const components = [
    { name: 'etcd', running: pid !== null, pid },
    { name: 'kubelet', running: false, pid: null },
  ]
  expect(describeStatus({ ...stopped, components }).split('\n')[0]).toBe(sentence)
})

it('shows where a running platform is reached, on a narrow terminal too', async () => {
  const status = {
    ...{ version: 1 as const, running: true, registry: '127.0.0.1:5000' },
    ...{ kubeconfig: '/root/.cache/shopctl/admin.conf' },
    ...{ edgeUrl: 'http://127.0.0.1:30080', previewUrl: 'http://127.0.0.1:30081' },
    components: [{ name: 'etcd', running: true, pid: 7 }],
    with: ['observability' as const, 'gitops' as const],
    git: {
      url: 'http://127.0.0.1:30082/config.git',
      clusterUrl: 'http://git.argocd.svc/config.git',
      secret: { namespace: 'argocd', name: 'git' },
    },
  }
  const { document, text, summary } = await platformStatusCommand(contextOf({ status }))
  expect(document).toEqual(status)
  expect(summary).toBe('The platform is running.')
  expect(text(Number.POSITIVE_INFINITY).split('\n')).toEqual([
    'The platform is running.',
    '  kubeconfig /root/.cache/shopctl/admin.conf',
    '  registry   127.0.0.1:5000',
    '  edge       http://127.0.0.1:30080',
    '  preview    http://127.0.0.1:30081',
    '  git        http://127.0.0.1:30082/config.git',
    '  etcd                     running, pid 7',
    '  observability            installed',
    '  gitops                   installed',
  ])
  expect(text(40)).toContain('\n  kubeconfig\n  /root/.cache/shopctl/admin.conf\n')
})

it('prints variables as they are, however narrow the terminal', async () => {
  const env = { PATH: `/bin with blanks:${'/long'.repeat(20)}` }
  const { document, text } = await platformEnvCommand(contextOf({ env }))
  expect(document).toEqual({ version: 1, env })
  expect(text(40)).toBe(`export PATH='${env.PATH}'`)
})

it('shows the machine before and after, and what is kept', () => {
  const clean = {
    processes: 0,
    mounts: 0,
    interfaces: [],
    addresses: [],
    routes: [],
    packetFilter: 0,
    cgroups: 0,
  }
  const before = { ...clean, processes: 61, interfaces: ['shopctl0', 'shopctl-pods'] }
  const text = describeDown({ version: 1, stopped: [], before, after: clean, kept: ['/cache'] })
  expect(text).toMatch(/processes +61 +0/)
  expect(text).toMatch(/network interfaces +2 +0/)
  expect(text).toMatch(/Kept:\n {2}\/cache/)
})
