// A project whose images go to Amazon ECR: ministack has them, and a recorder before it checks the rights of a push. Both
// docker and shopctl reach it by its real name, through a proxy.
import { join } from 'node:path'
import { createShell, type Finished } from '../../src/adapters/shell.ts'
import { createHttpProxy, createServers } from '../fakes/api-server.ts'
import { root } from '../real/shop.ts'
import { serveTls, startMinistack } from './aws-fakes.ts'
import { type Recorder, startRecorder } from './aws-recorder.ts'
import { account, policyOf, region } from './aws-rights.ts'
import { createProject } from './project.ts'

const shell = createShell()
export const ecrHost = `${account}.dkr.ecr.${region}.amazonaws.com`

export interface EcrScene {
  recorder: Recorder
  /** The file of the authority that the certificate is from. */
  ca: string
  /** `http://127.0.0.1:PORT` */
  proxy: string
  /** Runs it in the project. `docker` is the environment of docker's client. */
  shopctl(docker: Record<string, string>, args: string[]): Promise<Finished>
  /** All tags of the repository. */
  tags(): Promise<string[]>
  stop(): Promise<void>
}

/** `folder` becomes the project. */
export async function startEcr(folder: string): Promise<EcrScene> {
  const servers = createServers()
  const fake = await startMinistack()
  const recorder = await startRecorder(servers, fake, (description) => description)
  recorder.policy = await policyOf('push', folder)
  const ca = join(servers.folder, 'ca.pem')
  const port = await serveTls(servers, { ...fake, url: recorder.url })
  const proxy = `http://127.0.0.1:${await servers.start(createHttpProxy(port, []))}`
  const env = {
    ...{ HOME: folder, XDG_CACHE_HOME: '', TMPDIR: folder },
    ...{ NODE_EXTRA_CA_CERTS: ca, HTTPS_PROXY: proxy, NO_PROXY: '127.0.0.1' },
    ...{ AWS_ENDPOINT_URL: recorder.url, AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' },
  }
  await createProject(folder, `${ecrHost}/shops`)
  return {
    ...{ recorder, ca, proxy },
    shopctl(docker, args) {
      const command = [join(root, 'cli/bin/shopctl.js'), ...args, '--env', 'prod']
      const own = { ...docker, ...env }
      return shell.run({ program: process.execPath, args: command, cwd: folder, env: own })
    },
    async tags() {
      const found = await fetch(`${fake.url}/v2/shops/shop/order/tags/list`)
      const { tags } = (await found.json()) as { tags: string[] | null }
      return tags ?? []
    },
    async stop() {
      await servers.stopAll()
      servers.remove()
      await fake.stop()
    },
  }
}
