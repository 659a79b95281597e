// Programs from Debian's packages: some unpacked into the store, a few installed on the machine.
import { existsSync } from 'node:fs'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Shell } from '../adapters/shell.ts'
import { refused } from '../errors.ts'
import type { Check } from './component.ts'
import type { Item } from './store.ts'

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** The first archive of Debian in the output of `apt-get indextargets`. Security updates have another archive. */
export function mirrorAmong(targets: string): string | null {
  return (
    targets
      .split('\n')
      .map((uri) => uri.trim().replace(/\/$/, ''))
      .find((uri) => uri.endsWith('/debian')) ?? null
  )
}

const setting = 'SHOPCTL_DEBIAN_MIRROR'

/** The mirror of Debian that the environment names, or the one in the machine's own package sources. */
export async function debianMirror(
  shell: Shell,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const named = env[setting]?.replace(/\/$/, '')
  if (named) return named
  const args = ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages']
  const mirror = mirrorAmong(await shell.check({ program: 'apt-get', args }))
  if (mirror) return mirror
  throw refused({
    code: 'no-debian-mirror',
    message: "This machine's package sources contain no archive of Debian.",
    hint: `Set ${setting} to the address of one, which ends in /debian.`,
  })
}

/** Package → suite. They are unpacked, not installed, so no service starts and an installed engine stays unchanged. */
type Selection = Readonly<Record<string, 'bookworm' | 'trixie'>>

// These run with Debian 12's C library. Only trixie's runc needs a newer one.
const engines: Selection = {
  containerd: 'trixie',
  'containernetworking-plugins': 'trixie',
  'docker-buildx': 'trixie',
  'docker-cli': 'trixie',
  'docker-registry': 'trixie',
  'docker.io': 'trixie',
  runc: 'bookworm',
}

const goToolchain: Selection = { 'golang-1.24-go': 'trixie', 'golang-1.24-src': 'trixie' }

/** apt with its lists, cache and sources in `folder`. The machine's own stay unchanged. */
export function aptOptions(folder: string): string[] {
  return [
    `Dir::Etc::SourceList=${folder}/sources.list`,
    'Dir::Etc::SourceParts=/dev/null',
    'Dir::Etc::Preferences=/dev/null',
    'Dir::Etc::PreferencesParts=/dev/null',
    `Dir::State::Lists=${folder}/lists`,
    `Dir::Cache=${folder}/cache`,
    'Acquire::Languages=none',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false',
    'Acquire::Retries=3',
    'APT::Sandbox::User=root',
  ].flatMap((option) => ['-o', option])
}

/** The files of these packages, in one folder. */
export function unpacked(shell: Shell, name: string, selection: Selection): Item {
  return {
    name,
    inputs: [JSON.stringify(selection)],
    async build(folder, say) {
      const apt = `${folder}.apt`
      await rm(apt, { recursive: true, force: true })
      await mkdir(join(apt, 'lists/partial'), { recursive: true })
      await mkdir(join(apt, 'cache/archives/partial'), { recursive: true })
      const mirror = await debianMirror(shell)
      const sources = [...new Set(Object.values(selection))].map(
        (suite) => `deb [signed-by=${keyring}] ${mirror} ${suite} main\n`,
      )
      await writeFile(join(apt, 'sources.list'), sources.join(''))
      say('reading package lists')
      await shell.check({ program: 'apt-get', args: [...aptOptions(apt), 'update'] })
      say('downloading')
      const wanted = Object.entries(selection).map(([program, suite]) => `${program}/${suite}`)
      await shell.check({
        program: 'apt-get',
        args: [...aptOptions(apt), 'download', ...wanted],
        cwd: apt,
      })
      say('unpacking')
      for (const file of await readdir(apt)) {
        if (!file.endsWith('.deb')) continue
        await shell.check({ program: 'dpkg-deb', args: ['--extract', join(apt, file), folder] })
      }
      await rm(apt, { recursive: true })
    },
  }
}

/** containerd, runc, CNI plugins, the Docker engine with its client, the registry. */
export function enginesItem(shell: Shell): Item {
  return unpacked(shell, 'debian', engines)
}

/** Go, for machines without it. GOROOT is `usr/lib/go-1.24` in it. */
export function goItem(shell: Shell): Item {
  return unpacked(shell, 'go', goToolchain)
}

// A file of the package → package.
const hostPackages: Readonly<Record<string, string>> = {
  '/usr/sbin/iptables': 'iptables',
  '/usr/bin/mmdebstrap': 'mmdebstrap',
  '/usr/bin/unzip': 'unzip',
  '/sbin/ip': 'iproute2',
  [keyring]: 'debian-archive-keyring',
}

/** Packages that the platform needs and that are not installed. */
export function missingPackages(exists: (path: string) => boolean = existsSync): string[] {
  return Object.entries(hostPackages)
    .filter(([file]) => !exists(file))
    .map(([, name]) => name)
}

/** Installs them from the machine's own sources. None of them starts a service. */
export async function installPackages(shell: Shell, packages: readonly string[]): Promise<void> {
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  const install = {
    program: 'apt-get',
    args: [
      '-o',
      'DPkg::Lock::Timeout=300',
      'install',
      '-y',
      '--no-install-recommends',
      ...packages,
    ],
    env,
  }
  const { exitCode } = await shell.run(install)
  if (exitCode === 0) return
  // On a fresh machine the package lists are missing or too old.
  await shell.check({ program: 'apt-get', args: ['update'], env })
  await shell.check(install)
}

/** Fetches a small file from `mirror` into `scratch` as apt does, with apt's proxies. */
export function mirrorCheck(mirror: string, scratch: string): Check {
  return {
    registry: `Debian's mirror ${mirror}`,
    command: {
      program: '/usr/lib/apt/apt-helper',
      args: [
        '-oAPT::Sandbox::User=root',
        'download-file',
        `${mirror}/dists/trixie/InRelease`,
        join(scratch, 'InRelease'),
      ],
    },
  }
}
