// While the database is away, nobody waits for it: every request is refused at once, until a probe reaches it.
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createCircuit } from '../circuit.ts'

const away = Object.assign(new Error('cannot connect to the database'), { statusCode: 503 })

function aCircuit(isAway: () => boolean) {
  const lines: string[] = []
  let probes = 0
  const circuit = createCircuit({
    async probe() {
      probes += 1
      if (isAway()) throw away
    },
    logger: pino({}, { write: (line) => void lines.push(JSON.parse(line).msg) }),
  })
  onTestFinished(circuit.close)
  return { circuit, lines, probes: () => probes }
}

const never = () => new Promise<string>(() => {})

describe('a circuit', () => {
  it('lets all pass until it is doubted, and after a doubt that was wrong', async () => {
    const { circuit, lines } = aCircuit(() => false)
    circuit.pass()
    circuit.doubt()
    await sleep(20)
    circuit.pass()
    expect(await circuit.unlessAway(Promise.resolve('rows'))).toBe('rows')
    expect(lines).toEqual([])
  })

  it('ends what waits, and refuses at once what comes, as soon as a probe says that it is away', async () => {
    const { circuit } = aCircuit(() => true)
    const waiting = [circuit.unlessAway(never()), circuit.unlessAway(never())]
    const from = performance.now()
    circuit.doubt()
    for (const each of waiting) await expect(each).rejects.toBe(away)
    expect(circuit.pass).toThrow(away)
    await expect(circuit.unlessAway(never())).rejects.toBe(away)
    expect(performance.now() - from).toBeLessThan(2_000)
  })

  it('lets all pass again within a second after it is back, and says both once', async () => {
    let isAway = true
    const { circuit, lines } = aCircuit(() => isAway)
    circuit.doubt()
    await expect(circuit.unlessAway(never())).rejects.toBe(away)
    isAway = false
    await expect.poll(() => passes(circuit.pass), { timeout: 2_000 }).toBe(true)
    expect(await circuit.unlessAway(Promise.resolve('rows'))).toBe('rows')
    expect(lines).toEqual(['the database is away', 'the database is back'])
  })

  it('probes one at a time, however many doubt, and no more once it is closed', async () => {
    const { circuit, probes } = aCircuit(() => true)
    for (let n = 0; n < 50; n += 1) circuit.doubt()
    await sleep(50)
    expect(probes()).toBe(1)
    circuit.close()
    await sleep(1_200)
    expect(probes()).toBeLessThanOrEqual(2)
  })

  it('leaves the reason of work that fails by itself', async () => {
    const { circuit } = aCircuit(() => false)
    const own = new Error('no such table')
    await expect(circuit.unlessAway(Promise.reject(own))).rejects.toBe(own)
  })
})

function passes(pass: () => void): boolean {
  try {
    pass()
    return true
  } catch {
    return false
  }
}
