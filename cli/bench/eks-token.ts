// Prints the milliseconds of the first token for EKS in a new process: it loads the credentials and the signer, and signs.
import { Agent } from 'node:http'
import { createTokens } from '../src/adapters/aws/eks/eks.ts'

const token = createTokens({
  name: 'shop',
  region: 'eu-central-1',
  role: null,
  env: process.env,
  now: Date.now,
  agentOf: async () => new Agent(),
  limit: { seconds: 4, setting: '' },
  mask: () => {},
})
const started = performance.now()
await token()
console.log(performance.now() - started)
