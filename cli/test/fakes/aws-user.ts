// A user without any AWS credentials, whatever the machine has.
import { vi } from 'vitest'

// The first test imports the SDK, which takes seconds on a busy machine.
vi.setConfig({ testTimeout: 20_000 })

/** `home` is the user's folder. vi.unstubAllEnvs() ends it. */
export function forgetAws(home: string): void {
  for (const name of Object.keys(process.env))
    if (name.startsWith('AWS_')) vi.stubEnv(name, undefined)
  vi.stubEnv('HOME', home)
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
}
