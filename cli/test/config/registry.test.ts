// The form of `registry` in shopctl.yaml, with its place and what to write instead.
import { expect, it } from 'vitest'
import { parseConfig } from '../../src/config/parse.ts'
import { ecrAddress, registryMistake } from '../../src/config/registry.ts'
import { configText } from '../fakes/config.ts'

it.each([
  '127.0.0.1:5000',
  'localhost',
  'localhost:5000/me',
  '[::1]:5000',
  'ghcr.io/me',
  'docker.io',
  'registry.example.com',
  'registry.example.com:8443/team/a_b/c__d/e--f/g.h',
  '123456789012.dkr.ecr.eu-central-1.amazonaws.com/shops',
  'registry:5000/me',
])('%s is a registry', (value) => {
  expect(registryMistake(value)).toBeNull()
})

it.each([
  ['', 'expected a registry, such as `ghcr.io/me` or `host:5000`'],
  ['https://ghcr.io/me', 'expected a registry without `https://` before it: write `ghcr.io/me`'],
  ['http://localhost:5000/', '`https://` before it: write `localhost:5000`'],
  ['ghcr.io/me/', 'expected no slash at the end: write `ghcr.io/me`'],
  ['ghcr.io/', 'expected no slash at the end: write `ghcr.io`'],
  ['ghcr.io//me', 'expected one slash between two names: write `ghcr.io/me`'],
  ['ghcr.io/Me', 'expected lower-case letters: write `ghcr.io/me`'],
  ['GHCR.io/me', 'expected lower-case letters: write `ghcr.io/me`'],
  ['ghcr.io/me:latest', 'expected a registry without a tag: write `ghcr.io/me`'],
  [`ghcr.io/me@sha256:${'a'.repeat(64)}`, 'without a digest: write `ghcr.io/me`'],
  [' ghcr.io/me', 'expected a registry without spaces: write `ghcr.io/me`'],
  ['me@ghcr.io', 'without a user: `docker login` knows the user: write `ghcr.io`'],
  ['/me', 'expected a host at first, such as'],
  ['me', 'expected a host at first, such as'],
  ['me/shop', 'expected a host at first, such as'],
  ['ghcr.io/me/-shop', 'expected names of lower-case letters and digits'],
  ['ghcr.io/me/a..b', 'expected names of lower-case letters and digits'],
  ['-ghcr.io/me', 'expected a host of letters, digits, dots and dashes'],
  ['registry:port/me', 'expected a number from 1 to 65535 as the port'],
  ['registry:/me', 'expected a number from 1 to 65535 as the port'],
  ['registry:70000', 'expected a number from 1 to 65535 as the port'],
  ['docker.io/me', 'expected `docker.io` alone: names on Docker Hub have two parts'],
  ['index.docker.io', 'the name that docker has for Docker Hub: write `docker.io`'],
  ['https://hub.docker.com/', 'without `https://` before it: write `docker.io`'],
])('%j: %s', (value, message) => {
  expect(registryMistake(value)).toContain(message)
})

it('a password is not repeated', () => {
  for (const value of [
    'https://me:secret@ghcr.io/me',
    'me:secret@ghcr.io/me/',
    'https://me:secret@x',
  ])
    expect(registryMistake(value)).not.toContain('secret')
})

function mistake(cluster: string): string {
  try {
    parseConfig(configText.replace('cluster: embedded', `cluster: ${cluster}`), 'shopctl.yaml')
  } catch (error) {
    expect(error).toMatchObject({ code: 'bad-config', exitCode: 2 })
    return error instanceof Error ? error.message : ''
  }
  return 'none'
}

it.each([
  [
    '{ context: a, registry: ghcr.io/me/ }',
    'shopctl.yaml:23:28: environments.local.cluster.registry: expected no slash at the end: write `ghcr.io/me`',
  ],
  [
    '\n      context: a\n      registry: docker.io/me',
    'shopctl.yaml:25:7: environments.local.cluster.registry: expected `docker.io` alone',
  ],
  [
    '{ context: a, registry: 7 }',
    'shopctl.yaml:23:28: environments.local.cluster.registry: expected text, not a number',
  ],
  [
    '{ context: a }',
    'shopctl.yaml:23:5: environments.local.cluster.registry: expected text; it is missing',
  ],
  [
    '{ context: a, registry: ghcr.io/me, regsitry: b }',
    'shopctl.yaml:23:50: environments.local.cluster.regsitry: there is no such setting',
  ],
  ['[a]', 'shopctl.yaml:23:5: environments.local.cluster: expected `embedded`, or a map'],
])('%j is refused with its place', (cluster, message) => {
  expect(mistake(cluster)).toContain(message)
})

it.each([
  ['123456789012.dkr.ecr.eu-central-1.amazonaws.com/shops', 'eu-central-1'],
  ['123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn', 'cn-north-1'],
  ['123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com/a/b', 'us-gov-west-1'],
  ['123456789012.dkr-ecr.eu-west-1.on.aws/a', 'eu-west-1'],
  ['123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu/a', 'eusc-de-east-1'],
])('%s is a registry of ECR', (registry, region) => {
  const host = registry.split('/')[0]
  expect(ecrAddress(registry)).toEqual({ account: '123456789012', region, host })
})

it.each([
  '1234.dkr.ecr.eu-central-1.amazonaws.com',
  '123456789012.dkr.ecr.eu-central-1.amazonaws.com.evil.test/a',
  'public.ecr.aws/a',
  'x123456789012.dkr.ecr.eu-central-1.amazonaws.com',
  '123456789012.dkr.ecr.eu-central-1.amazonaws.com:443',
])('%s is none', (registry) => {
  expect(ecrAddress(registry)).toBeNull()
})

const role = 'arn:aws:iam::123456789012:role/push'
it.each([
  [
    '{ context: a, registry: ghcr.io/me, registryRole: "arn:aws:iam::123456789012:role/push" }',
    'environments.local.cluster.registryRole: expected none: `registry` is no registry of Amazon ECR',
  ],
  [
    '{ context: a, registry: 123456789012.dkr.ecr.eu-central-1.amazonaws.com, registryRole: push }',
    'environments.local.cluster.registryRole: expected the ARN of a role: arn:aws:iam::<account>:role/<name>',
  ],
  [
    `{ context: a, registry: 123456789012.dkr.ecr.eu-central-1.amazonaws.com, registryRole: "${role}" }`,
    'none',
  ],
])('a role: %s', (cluster, message) => {
  expect(mistake(cluster)).toContain(message)
})
