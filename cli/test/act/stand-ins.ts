// What replaces the actions of others: they would need GitHub, AWS, or a download site.
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createShell } from '../../src/adapters/shell.ts'

const shell = createShell()

interface Places {
  /** Of the workflows that use them. */
  workflows: string
  /** For the stand-ins, and what they leave. */
  scratch: string
}

/** Subjects that were attested: name and digest, a line each. */
export const attestedFile = (scratch: string): string => join(scratch, 'attested')

/** Arguments of act. An action without a stand-in is an error. */
export async function standIns({ workflows, scratch }: Places): Promise<string[]> {
  const scripts = scriptsOf(scratch)
  await writeTools(scratch)
  const used = await usedActions(workflows)
  for (const action of new Set(used.map((each) => each.split('@')[0] ?? ''))) {
    const script = scripts[action]
    if (script === undefined) throw new Error(`${action} has no stand-in`)
    await writeFileIn(join(scratch, action, 'action.yml'), actionText(script))
  }
  return used.flatMap((each) => [
    '--local-repository',
    `${each}=${join(scratch, each.split('@')[0] ?? '')}`,
  ])
}

/** `actions/checkout@<commit>`, once each. */
async function usedActions(workflows: string): Promise<string[]> {
  const texts = await Promise.all(
    (await readdir(workflows)).map((file) => readFile(join(workflows, file), 'utf8')),
  )
  const found = texts.flatMap((text) => [...text.matchAll(/uses: ([\w-]+\/[\w./-]+@\w+)/g)])
  return [...new Set(found.map(([, action = '']) => action))]
}

/** Bash, by action. `INPUTS` has what the workflow gives it, as JSON. */
function scriptsOf(scratch: string): Record<string, string> {
  const input = (name: string): string => `"$(jq --raw-output '.["${name}"]' <<< "$INPUTS")"`
  return {
    // act has copied the tree already, and does not call it.
    'actions/checkout': 'exit 1',
    // Helm releases all environments of the copy.
    'actions/create-github-app-token': 'exit 1',
    'actions/setup-node': [
      `test ${input('node-version')} = "\${NODE_MAJOR:-24}"`,
      `echo '${dirname(process.execPath)}' >> "$GITHUB_PATH"`,
      `echo '${join(scratch, 'tools')}' >> "$GITHUB_PATH"`,
    ].join('\n'),
    // The platform has a helm and a builder of its own.
    'Azure/setup-helm': `test ${input('version')} = v4.1.4`,
    'docker/setup-buildx-action': 'true',
    'aws-actions/configure-aws-credentials': [
      `test ${input('aws-region')} = eu-central-1`,
      `test ${input('role-to-assume')} = arn:aws:iam::111122223333:role/shopctl`,
      // A job that needs no Node has only this action.
      `echo '${join(scratch, 'tools')}' >> "$GITHUB_PATH"`,
    ].join('\n'),
    'actions/attest': [
      `test ${input('push-to-registry')} = true`,
      `echo ${input('subject-name')} ${input('subject-digest')} >> '${attestedFile(scratch)}'`,
    ].join('\n'),
  }
}

function actionText(script: string): string {
  const names = [
    ...['node-version', 'version', 'aws-region', 'role-to-assume'],
    ...['subject-name', 'subject-digest', 'push-to-registry'],
  ]
  const step = {
    ...{ shell: 'bash', run: script },
    env: { INPUTS: `\${{ toJSON(inputs) }}` },
  }
  return JSON.stringify({
    ...{ name: 'stand-in', description: 'A stand-in' },
    inputs: Object.fromEntries(names.map((name) => [name, { description: name, default: '' }])),
    runs: { using: 'composite', steps: [step] },
  })
}

/** What a runner of GitHub has, and this machine may not. */
async function writeTools(scratch: string): Promise<void> {
  const pathOf = async (name: string): Promise<string> =>
    (await shell.check({ program: 'sh', args: ['-c', `command -v ${name}`] })).trim()
  const [npm, docker] = await Promise.all([pathOf('npm'), pathOf('docker')])
  const tool = async (name: string, lines: readonly string[]): Promise<void> => {
    const file = join(scratch, 'tools', name)
    await writeFileIn(file, ['#!/bin/bash', 'set -e', ...lines, ''].join('\n'))
    await chmod(file, 0o755)
  }
  await tool('sudo', ['exec "$@"'])
  await tool('aws', ['[ "$*" = "ecr get-login-password" ]', 'echo a-password'])
  // The registry of the platform lets everybody in, and the login of this machine's user stays as it is.
  await tool('docker', [`[ "$1" = login ] || exec '${docker}' "$@"`, 'test "$(cat)" = a-password'])
  // The first job installs the packages, and those after it get hard links to them.
  const kept = join(scratch, 'node_modules')
  await tool('npm', [
    `[ "$1" = ci ] || exec '${npm}' "$@"`,
    `exec 9> '${kept}.lock'`,
    'flock 9',
    `if [ -d '${kept}' ]; then rm -rf node_modules; exec cp -al '${kept}' node_modules; fi`,
    `'${npm}' "$@"`,
    `cp -al node_modules '${kept}.new'`,
    `mv '${kept}.new' '${kept}'`,
  ])
}

async function writeFileIn(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, text)
}
