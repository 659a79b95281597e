// What stops a workflow, and what must not: read as data, since only GitHub knows jobs, forks and approvals.
import { describe, expect, it } from 'vitest'
import { files, jobs, ours, read, steps, textOf } from './files.ts'

describe('a failure', () => {
  it('stops a release: no step and no job goes on after it', () => {
    for (const file of files) {
      expect(textOf(ours, file), file).not.toMatch(/continue-on-error|always\(\)|\|\| true/)
      expect(textOf(ours, file), file).not.toMatch(/(?<!!)failure\(\)/)
    }
  })

  it('of a check stops it before the first image', () => {
    const { checks, staging } = read('release.yml').jobs
    expect(checks?.uses).toBe('./.github/workflows/ci.yml')
    expect(staging?.needs).toBe('checks')
    // Only a function like always() would let it run after a failed check.
    expect(staging?.if).toBe(`\${{ vars.STAGING != '' }}`)
  })

  it('of the smoke test stops it before the approval', () => {
    const { deploy, switch: last } = read('shopctl.yml').jobs
    expect(deploy?.steps?.at(-1)?.name).toBe('Smoke test')
    expect(last?.if).toContain(`needs.deploy.result == 'success'`)
  })
})

describe('a run that is started again when all of it is live', () => {
  const { deploy, switch: last } = read('shopctl.yml').jobs

  it('tests nothing, asks for no approval and switches nothing', () => {
    const smoke = deploy?.steps?.find(({ name }) => name === 'Smoke test')
    expect(smoke?.if).toBe(`\${{ steps.deploy.outputs.standby != '' }}`)
    expect(deploy?.outputs?.standby).toBe(`\${{ steps.deploy.outputs.standby }}`)
    expect(last?.if).toContain(`needs.deploy.outputs.standby != ''`)
  })
})

describe('an approval', () => {
  it('is asked for by the switch alone, before its first step', () => {
    const live = jobs.filter(([, { environment }]) => environment?.name.endsWith('-live'))
    expect(live.map(([name]) => name)).toEqual(['shopctl.yml switch'])
  })

  it('is not asked for by a rollback', () => {
    expect(read('rollback.yml').jobs.rollback?.environment?.name).not.toMatch(/-live/)
  })
})

describe("a fork's pull request", () => {
  const { on, permissions, jobs: checks } = read('ci.yml')

  it('runs the checks with the token of the fork, which may only read', () => {
    expect(Object.keys(on)).not.toContain('pull_request_target')
    expect(permissions).toEqual({})
    for (const [name, job] of Object.entries(checks))
      expect(job.permissions, name).toEqual({ contents: 'read' })
  })

  it('gets no environment of a release, so none of its variables, secrets and roles', () => {
    const names = Object.values(checks).flatMap(({ environment }) => environment?.name ?? [])
    // That has the token of SonarQube, which GitHub does not give to forks.
    expect(names.filter((name) => name !== 'quality')).toEqual([])
    const logins = steps.filter(([name, { uses }]) => /^ci/.test(name) && uses?.startsWith('aws-'))
    expect(logins).toEqual([])
  })

  it('starts no release and no rollback', () => {
    const triggers = ['release.yml', 'rollback.yml', 'shopctl.yml'].map((file) => read(file).on)
    expect(triggers.flatMap(Object.keys)).toEqual(['push', 'workflow_dispatch', 'workflow_call'])
  })
})

describe('two runs for the same environment', () => {
  it('of a release wait for each other as a whole, approval included', () => {
    expect(read('release.yml').concurrency).toEqual({ group: 'release', queue: 'max' })
  })

  it('of another kind have groups of their own: a lock of shopctl is between them', () => {
    const groups = files.flatMap((file) => read(file).concurrency?.group ?? [])
    expect(new Set(groups).size).toBe(groups.length)
  })
})
