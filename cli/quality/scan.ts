// Runs the scanner over a folder with a sonar-project.properties.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Shell } from '../src/adapters/shell.ts'
import { failed } from '../src/errors.ts'

export interface Scan {
  /** Its root, with sonar-project.properties. */
  folder: string
  /** In place of the one of sonar-project.properties. */
  project: string
  url: string
  token: string
  /** For the scanner's own files. */
  scratch: string
  /** null: the scanner downloads one from the server. */
  java: string | null
}

/** Resolves to the task of the server that reads the scan. */
export async function scan(shell: Shell, scanned: Scan): Promise<string> {
  const { folder, project, url, token, scratch, java } = scanned
  const scanner = join(import.meta.dirname, '../../node_modules/@sonar/scan/bin/sonar-scanner.js')
  const work = join(scratch, `work-${project}`)
  const settings = [`-Dsonar.projectKey=${project}`, `-Dsonar.working.directory=${work}`]
  const { exitCode, output } = await shell.run({
    program: process.execPath,
    args: [scanner, ...settings],
    cwd: folder,
    env: {
      SONAR_HOST_URL: url,
      SONAR_TOKEN: token,
      SONAR_USER_HOME: join(scratch, 'scanner'),
      ...(java && {
        SONAR_SCANNER_JAVA_EXE_PATH: java,
        SONAR_SCANNER_SKIP_JRE_PROVISIONING: 'true',
      }),
    },
  })
  if (exitCode !== 0)
    throw failed({
      code: 'quality-scan',
      message: `The scanner ended with exit code ${exitCode}:\n${output.trim().split('\n').slice(-12).join('\n')}`,
    })
  const report = await readFile(join(work, 'report-task.txt'), 'utf8')
  return /^ceTaskId=(.+)$/m.exec(report)?.[1] ?? ''
}
