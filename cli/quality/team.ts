// The SonarQube server of a team, which judges pull requests.
import { refused } from '../src/errors.ts'
import type { Server } from './judge.ts'

/** Pull requests have a project of their own: the free edition would overwrite the results of the main branch. */
export const pullRequests = 'shop-pull-requests'

/** From SONAR_HOST_URL and SONAR_TOKEN. null: there is no token. */
export function teamOf(env: NodeJS.ProcessEnv): Pick<Server, 'url' | 'token'> | null {
  const { SONAR_TOKEN: token = '', SONAR_HOST_URL: url = '' } = env
  if (token === '') return null
  if (URL.canParse(url)) return { url: url.replace(/\/$/, ''), token }
  throw refused({
    code: 'no-server',
    message: 'SONAR_HOST_URL is not the URL of a SonarQube server.',
    hint: 'Set it to the address of your server: https://sonarqube.example.com',
  })
}
