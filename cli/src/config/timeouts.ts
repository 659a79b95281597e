// `timeouts` of shopctl.yaml: how long shopctl waits for others. Pure.
import { z } from 'zod'
import { mostSeconds } from './span.ts'

const limit = `expected a number of seconds above 0 and up to ${mostSeconds}`
const seconds = z.number(limit).gt(0, limit).max(mostSeconds, limit)

/** Time limits in seconds. */
export const timeoutsSchema = z.strictObject({
  /** `prepare` and `docker build`, each. */
  build: seconds.default(1_200),
  /** `docker push`. */
  push: seconds.default(600),
  /** A helm command, and the time until a dependency is ready. */
  helm: seconds.default(180),
  /** A smoke test or the audit script. */
  script: seconds.default(600),
  /** A hook: before a change it holds the lock. */
  hook: seconds.default(30),
  /** git, `docker image inspect`, and a program that a kubeconfig or docker names for credentials. */
  tools: seconds.default(60),
  /** An answer of the API server, the registry or AWS. */
  request: seconds.default(4),
  /** An answer of a pod about its accounts or messages, or to a smoke test. */
  pod: seconds.default(15),
  /** Until Amazon ECR has scanned the images. */
  scan: seconds.default(60),
})
