import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { readConfig } from '../config.ts'

const env = {
  SERVICE_NAME: 'order',
  SLOT_COLOR: 'blue',
  SLOT_REVISION: '5f2a9c01aa',
  SLOT_VERSION: '1a2b3c4d5e6f',
  POD_NAME: 'order-blue-0',
  POD_NAMESPACE: 'shop',
  STABLE_SERVICE: 'order',
  PREVIEW_SERVICE: 'order-preview',
  DATABASE_URL: 'postgresql://order:hunter2@postgres:5432/order',
  AMQP_URL: 'amqp://order:hunter2@rabbitmq:5672',
  PREVIEW_DATABASE_URL: 'postgresql://order_preview:hunter2@postgres:5432/order_preview',
  PREVIEW_AMQP_URL: 'amqp://order_preview:hunter2@rabbitmq:5672/preview',
  KUBERNETES_SERVICE_HOST: '10.96.0.1',
}
const own = z.object({ SMTP_URL: z.url() })

describe('readConfig', () => {
  it('reads common and own settings, with defaults', () => {
    const read = readConfig(own, { ...env, SMTP_URL: 'smtp://mail:25' })
    expect(read).toMatchObject({
      ok: true,
      config: { SMTP_URL: 'smtp://mail:25', PORT: 8080, PREVIEW_PORT: 8081, MANAGEMENT_PORT: 9090 },
    })
  })

  it('names every wrong variable in one line, and no value', () => {
    const { SLOT_VERSION: _, ...rest } = env
    const read = readConfig(own, { ...rest, SLOT_COLOR: 'red', AMQP_URL: 'http://x:hunter2@y' })
    expect(read.ok).toBe(false)
    const problems = read.ok ? '' : read.problems
    expect(problems).toContain('SLOT_VERSION is not set; ')
    expect(problems).toContain('SMTP_URL is not set')
    expect(problems).toContain('SLOT_COLOR: ')
    expect(problems).toContain('AMQP_URL: ')
    expect(problems).not.toContain('hunter2')
    expect(problems).not.toContain('\n')
  })

  it.each<[string, Record<string, string>, string]>([
    ['no address of a collector', { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector' }, 'ENDPOINT: '],
    ['no HTTP', { OTEL_EXPORTER_OTLP_ENDPOINT: 'grpc://collector:4317' }, 'ENDPOINT: '],
    ['an unknown sampler', { OTEL_TRACES_SAMPLER: 'sometimes' }, 'OTEL_TRACES_SAMPLER: '],
    ['more than all traces', { OTEL_TRACES_SAMPLER_ARG: '2' }, 'OTEL_TRACES_SAMPLER_ARG: '],
  ])('refuses %s', (_, wrong, problem) => {
    const read = readConfig(z.object({}), { ...env, ...wrong })
    expect(read).toEqual({ ok: false, problems: expect.stringContaining(problem) })
  })

  it.each(['', 'http://127.0.0.1:4318', 'https://collector.example/otlp'])(
    'takes %j as the address of a collector',
    (OTEL_EXPORTER_OTLP_ENDPOINT) => {
      const read = readConfig(z.object({}), { ...env, OTEL_EXPORTER_OTLP_ENDPOINT })
      expect(read).toMatchObject({ ok: true, config: { OTEL_EXPORTER_OTLP_ENDPOINT } })
    },
  )
})
