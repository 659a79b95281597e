import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { cpuSecondsOf, podFolder, workingSetOf } from '../../bench/usage.ts'

async function folderWith(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'usage-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  return folder
}

const version1 = {
  'cpuacct.usage': '15316658983\n',
  'memory.usage_in_bytes': '55787520\n',
  // Without the containers, and with them.
  'memory.stat': 'cache 4096\ninactive_file 100\ntotal_inactive_file 5787520\n',
}
const version2 = {
  'cpu.stat': 'usage_usec 15316658\nuser_usec 10000000\nsystem_usec 5316658\n',
  'memory.current': '55787520\n',
  'memory.stat': 'anon 50000000\ninactive_anon 7\ninactive_file 5787520\n',
}

test.each([
  { version: 1, files: version1 },
  { version: 2, files: version2 },
])('reads what a pod uses, with cgroup v$version', async ({ files }) => {
  const pod = await folderWith(files)
  expect(await cpuSecondsOf(pod)).toBeCloseTo(15.316_658, 5)
  expect(await workingSetOf(pod)).toBe(50_000_000)
})

test('does not take a file without the number for zero', async () => {
  const pod = await folderWith({ 'cpu.stat': 'nr_periods 0\n' })
  await expect(cpuSecondsOf(pod)).rejects.toThrow('has no usage_usec')
})

test.each(['', 'burstable', 'besteffort'])('finds a pod in the class "%s"', async (name) => {
  const pods = await folderWith({})
  const pod = join(pods, name, 'pod1-2')
  await mkdir(pod, { recursive: true })
  expect(podFolder(pods, '1-2')).toBe(pod)
  expect(() => podFolder(pods, '1-3')).toThrow('the pod 1-3 has no cgroup')
})
