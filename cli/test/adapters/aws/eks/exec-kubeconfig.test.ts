// The kubeconfig for helm.
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { execKubeconfig } from '../../../../src/adapters/aws/eks/exec-kubeconfig.ts'
import { readTarget } from '../../../../src/adapters/kubernetes/kubeconfig.ts'

const role = 'arn:aws:iam::222233334444:role/deploy'
const first = ['shopctl.js', 'eks-token', '--cluster', 'shop', '--region', 'eu-central-1']

it.each([
  ['with a role', role, [...first, '--role', role]],
  ['without', null, first],
])('calls shopctl for a token, %s', async (_, assumed, args) => {
  const folder = await mkdtemp(join(tmpdir(), 'kubeconfig-'))
  const file = join(folder, 'config')
  const address = { server: 'https://a.example', ca: 'UEVN' }
  const name = { name: 'shop', region: 'eu-central-1', role: assumed }
  writeFileSync(file, execKubeconfig(address, name, ['/bin/node', 'shopctl.js']))
  expect(readTarget({ file, context: null })).toMatchObject({
    cluster: { server: 'https://a.example', 'certificate-authority-data': 'UEVN' },
    user: {
      exec: {
        ...{ command: '/bin/node', args, interactiveMode: 'Never' },
        env: [{ name: 'GITHUB_ACTIONS', value: 'false' }],
      },
    },
  })
  await rm(folder, { recursive: true })
})
