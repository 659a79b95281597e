// The paths of shopctl.yaml: each must lead to what its setting needs. A mistake is reported with file, line and column.
import type { Config } from '../config/schema.ts'
import type { Path } from '../config/yaml.ts'
import { refused } from '../errors.ts'
import type { Source } from './ports/project.ts'

export interface NamedPath {
  setting: Path
  path: string
  /** What it should be, in words: `chart`. */
  noun: string
  /** any: a file or a folder. */
  is: 'file' | 'folder' | 'any'
  /** Code of the refusal: `no-chart`. */
  code: string
  /** Whether it may lead through links. Git does not list what is behind one. */
  links: boolean
}

export async function checkPath(
  source: Source,
  config: Pick<Config, 'where'>,
  named: NamedPath,
): Promise<void> {
  const { path, noun, is, links } = named
  const found = await source.follow(path)
  if (!found) {
    const pattern = /[*?[]/.test(path)
    throw wrongPath(
      config,
      named,
      `there is no ${noun} ${path}`,
      pattern ? 'Name a folder: it stands for all files below it. Patterns are not known.' : usual,
    )
  }
  if (found.path === null)
    throw wrongPath(config, named, `${path} leads out of the folder of shopctl.yaml`)
  if (!links && found.path !== path)
    throw wrongPath(config, named, `${path} is a link`, `Name ${found.path}, where it leads.`)
  if (is === 'any' ? found.is === 'other' : found.is !== is)
    throw wrongPath(config, named, `${path} is no ${is === 'any' ? noun : is}`)
}

const usual = 'Name a path from the folder of shopctl.yaml, then run the command again.'

export function wrongPath(
  config: Pick<Config, 'where'>,
  { setting, code }: Pick<NamedPath, 'setting' | 'code'>,
  what: string,
  hint = usual,
): Error {
  return refused({ code, message: `${config.where(setting)}: ${what}.`, hint })
}

/** Refused unless the scripts are there that `smoke` runs for these services. */
export async function checkSmokeScripts(
  source: Source,
  config: Config,
  services: readonly string[],
): Promise<void> {
  const each = services.map((name): [Path, string | undefined] => [
    ['services', name, 'smoke'],
    config.services[name]?.smoke,
  ])
  for (const [setting, path] of [...each, [['smoke'] as Path, config.smoke] as const])
    if (path !== undefined) await checkScript(source, config, setting, path)
}

export async function checkScript(
  source: Source,
  config: Pick<Config, 'where'>,
  setting: Path,
  path: string,
): Promise<void> {
  const named = { setting, path, noun: 'script', code: 'script-missing', links: true }
  await checkPath(source, config, { ...named, is: 'file' })
}
