import { expect, it } from 'vitest'
import { names, pick, render } from './helm.ts'

function guard(values: unknown = {}) {
  return render({ chart: 'shop-guard', release: 'shopctl-guard', values })
}

const kinds = ['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding']

it('is one policy, named by the namespace', async () => {
  expect(names(await guard())).toEqual(kinds.map((kind) => `${kind}/shopctl-guard-shop`))
})

it('is in force in that namespace, for each stable Service in it, and before there is one', async () => {
  const binding = pick(await guard(), kinds[1] ?? '', 'shopctl-guard-shop')
  expect(binding.spec).toEqual({
    policyName: 'shopctl-guard-shop',
    validationActions: ['Deny'],
    matchResources: {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'shop' } },
    },
    paramRef: {
      namespace: 'shop',
      selector: { matchLabels: { 'shopctl.dev/pointer': 'stable' } },
      parameterNotFoundAction: 'Allow',
    },
  })
})

it('refuses when it cannot be evaluated', async () => {
  const policy = pick(await guard(), kinds[0] ?? '', 'shopctl-guard-shop')
  expect(policy.spec).toMatchObject({ failurePolicy: 'Fail' })
})

it('belongs to the namespace when its uid is known', async () => {
  const uid = '0f8fad5b-d9cb-469f-a165-70867728950e'
  const owner = { apiVersion: 'v1', kind: 'Namespace', name: 'shop', uid }
  for (const { metadata } of await guard({ namespaceUid: uid })) {
    expect(metadata).toMatchObject({ ownerReferences: [owner] })
  }
  for (const { metadata } of await guard()) {
    expect(metadata).not.toHaveProperty('ownerReferences')
  }
})
