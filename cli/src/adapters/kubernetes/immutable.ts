// Objects whose name is a hash of their content: nobody changes them, so two commands may write or delete one at once.
import { isConflict, type KubernetesApi } from './api.ts'

/** false: there is one with this name already, so with this content. */
export async function addOnce(
  api: Pick<KubernetesApi, 'send'>,
  path: string,
  object: object,
): Promise<boolean> {
  try {
    await api.send('POST', path, { ...object, immutable: true })
    return true
  } catch (error) {
    if (!isConflict(error)) throw error
    return false
  }
}

/** Does nothing if there is none. */
export async function removeOnce(api: Pick<KubernetesApi, 'send'>, path: string): Promise<void> {
  await api.send('DELETE', path, {}).catch((error) => {
    if (error.code !== 'not-found') throw error
  })
}
