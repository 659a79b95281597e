// Fetches a SonarQube server, once: from Maven's registry and Debian's, into shopctl's cache.
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command, Shell } from '../src/adapters/shell.ts'
import { debianMirror, installPackages } from '../src/platform/debian.ts'
import type { Item } from '../src/platform/store.ts'

const version = '26.9.0.129388'
const artifact = `org.sonarsource.sonarqube:sonar-application:${version}:zip`
/** The JRE in the server's own archive lacks the module jdk.jlink. Debian 12 has no Java that is new enough. */
const java = ['trixie', 'openjdk-21-jre-headless'] as const
/** Languages that this repository does not have. They slow down every start. */
const unused =
  'csharp flex java java-symbolic-execution kotlin php python ruby rust scala vbnet'.split(' ')

/** Paths of the server, as seen from `root`. */
export const inRoot = {
  server: '/srv/sonarqube',
  data: '/srv/data',
  jar: `/srv/sonarqube/lib/sonar-application-${version}.jar`,
  java: '/usr/lib/jvm/java-21-openjdk-amd64/bin/java',
} as const

/** A Debian with the server in `root`, and a Java for the scanner in `jre`. */
export function serverItem(shell: Shell): Item {
  return {
    name: 'sonarqube',
    inputs: [artifact, ...java, ...unused],
    async build(folder, say) {
      const fetched = `${folder}.fetched`
      await rm(fetched, { recursive: true, force: true })
      await mkdir(fetched)
      say('downloading SonarQube')
      await withPackages(shell, ['maven'], {
        program: 'mvn',
        args: [
          '-B',
          '-q',
          'dependency:copy',
          `-Dartifact=${artifact}`,
          `-DoutputDirectory=${fetched}`,
          `-Dmaven.repo.local=${join(fetched, 'repository')}`,
        ],
        cwd: fetched,
      })
      say('installing Java')
      await installJava(shell, join(folder, 'root'), fetched)
      say('unpacking')
      await unpack(shell, fetched, folder)
      await rm(fetched, { recursive: true })
    },
  }
}

/** Runs the command. If it cannot, installs these Debian packages and runs it again. */
async function withPackages(
  shell: Shell,
  packages: readonly string[],
  command: Command,
): Promise<void> {
  const first = await shell.run(command).catch(() => null)
  if (first?.exitCode === 0) return
  await installPackages(shell, packages)
  await shell.check(command)
}

async function installJava(shell: Shell, root: string, scratch: string): Promise<void> {
  const [suite, packageName] = java
  const options = ['--mode=root', '--variant=minbase', '--quiet', `--include=${packageName}`]
  await withPackages(shell, ['mmdebstrap', 'debian-archive-keyring'], {
    program: 'mmdebstrap',
    args: [...options, suite, root, await debianMirror(shell)],
    env: { TMPDIR: scratch },
  })
}

async function unpack(shell: Shell, fetched: string, folder: string): Promise<void> {
  const archive = join(fetched, `sonar-application-${version}.zip`)
  const args = ['-q', archive, '-d', fetched]
  await withPackages(shell, ['unzip'], { program: 'unzip', args })
  const server = join(fetched, `sonarqube-${version}`)
  await unpackJre(shell, join(server, 'jres'), join(folder, 'jre'))
  for (const plugin of await readdir(join(server, 'lib/extensions')))
    if (unused.some((name) => plugin.startsWith(`sonar-${name}-plugin-`)))
      await rm(join(server, 'lib/extensions', plugin))
  await rename(server, join(folder, 'root', inRoot.server))
  await mkdir(join(folder, 'root', inRoot.data))
}

/** Keeps this machine's of the server's JREs for the scanner, which needs less than the server. */
async function unpackJre(shell: Shell, jres: string, folder: string): Promise<void> {
  const archive = (await readdir(jres)).find((name) => /jre_x64_linux_/.test(name)) ?? ''
  await mkdir(folder)
  const into = ['-C', folder, '--strip-components=1']
  await shell.check({ program: 'tar', args: ['xzf', join(jres, archive), ...into] })
  await rm(jres, { recursive: true })
  await mkdir(jres)
}
