// A release by a user who may not do all that shopctl does.
import { describe, expect, it } from 'vitest'
import { installAsAllowed } from '../../../src/drivers/gitops/rights.ts'
import { failed, refused } from '../../../src/errors.ts'
import { type Around, aWrite, blue, createScene, green, held, outcomes, standing } from './scene.ts'

const { signal } = new AbortController()
const no = (name: string, error: Error): Around => {
  return (called, run) => (called.startsWith(name) ? Promise.reject(error) : run())
}
const denied = refused({ code: 'not-allowed', message: 'no' })

describe('the right to scale', () => {
  const write = aWrite('order', 'green', 'cccccccccc', { atLeast: 3 })
  const scale = { service: 'order', color: 'blue' as const, replicas: 4, min: null, declared: null }

  it('lacks: slots keep their number of pods, which is said once for each', async () => {
    const scene = createScene()
    const driver = scene.driver(no('scaling.', denied))
    expect(outcomes(await driver.writeSlots([write], signal))).toEqual([undefined])
    expect(outcomes(await driver.scaleSlots([scale]))).toEqual([undefined])
    expect(standing(scene, 'order-green')).toMatch(/^cccccccccc /)
    expect(scene.progress.lines).toEqual([
      'order-green keeps its number of pods: your account may not change it.',
      'order-blue keeps its number of pods: your account may not change it.',
    ])
  })

  it('is there: another failure is one', async () => {
    const scene = createScene()
    const driver = scene.driver(no('scaling.', failed({ code: 'timeout', message: 'late' })))
    expect(outcomes(await driver.writeSlots([write], signal))).toEqual(['timeout'])
    expect(outcomes(await driver.scaleSlots([scale]))).toEqual(['timeout'])
  })
})

describe('a rollback in an emergency without the right to write Services', () => {
  it('moves nothing, and Argo CD goes on', async () => {
    const scene = createScene()
    const driver = scene.driver(no('objects.point', denied))
    const moves = await scene.moves(green, 'r-2')
    expect(outcomes(await driver.movePointers(moves, 'emergency', held))).toEqual([
      ...['not-allowed', 'not-allowed'],
    ])
    expect(scene.argo.show('shop.local.services')).toMatchObject({
      ...{ emergency: null, automatic: { sync: true } },
    })
    expect(await scene.pointer('order')).toEqual(blue)
  })

  it('leaves an earlier emergency as it was', async () => {
    const scene = createScene()
    await scene.driver().movePointers(await scene.moves(green, 'r-2'), 'emergency', held)
    const driver = scene.driver(no('objects.point', denied))
    await driver.movePointers(await scene.moves(blue, 'r-3'), 'emergency', held)
    expect(scene.argo.show('shop.local.services')).toMatchObject({
      ...{ emergency: 'r-2', automatic: { sync: false } },
    })
    expect(await scene.pointer('order')).toEqual(green)
  })
})

describe('an installation with helm', () => {
  const chart = { name: 'postgres', chart: 'c', valuesFiles: [], values: {}, marks: {} }
  const attempt = async (allowed: boolean) => {
    const asked: unknown[] = []
    const installed: string[] = []
    const api = {
      send: async <T>(_: string, __: string, object: object): Promise<T> => {
        asked.push(object)
        return { status: { allowed } } as T
      },
    }
    const install = async ({ name }: { name: string }) => void installed.push(name)
    const result = installAsAllowed({ install }, api, 'shop')(chart, signal)
    return { outcome: await result.catch((error) => error), asked, installed }
  }

  it('is begun by those alone who can end it', async () => {
    const { outcome, installed, asked } = await attempt(false)
    expect(outcome).toMatchObject({ kind: 'refused', code: 'not-allowed' })
    expect(outcome.message).toContain('postgres is missing or out of date')
    expect(installed).toEqual([])
    const wanted = { namespace: 'shop', verb: 'update', resource: 'secrets' }
    expect(asked).toMatchObject([{ spec: { resourceAttributes: wanted } }])
  })

  it('is done where helm may write its releases', async () => {
    expect(await attempt(true)).toMatchObject({ outcome: undefined, installed: ['postgres'] })
  })
})
