// Why an image could not be pulled, from the words of the container runtime. Pure.
import type { Complaint } from '../../release/ports/cluster.ts'
import type { Cause } from './causes.ts'

const reasons = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'ErrImageNeverPull',
  'InvalidImageName',
  'ImageInspectError',
  'RegistryUnavailable',
  'SignatureValidationFailed',
])

export function isAboutImage({ reason }: Complaint): boolean {
  return reasons.has(reason)
}

type ImageCause = Extract<
  Cause,
  'image-missing' | 'image-login' | 'registry-away' | 'image-invalid'
>

/** A registry may say of an image that does not exist that it needs a login, so that is looked for first. */
const words: [ImageCause, RegExp][] = [
  ['image-invalid', /no match for platform|couldn't parse|invalid reference|signature/i],
  ['image-login', /unauthori[sz]ed|authori[sz]ation|authentication|denied|forbidden|basic auth/i],
  ['image-missing', /not ?found|manifest.?unknown|name.?unknown|not present/i],
]

/** What is left is a registry that did not answer, or not as one. */
export function imageCause({ reason, message }: Complaint): ImageCause {
  if (reason === 'InvalidImageName') return 'image-invalid'
  if (reason === 'ErrImageNeverPull') return 'image-missing'
  // The host of a registry may be called anything.
  const plain = message.split(/\s+/).filter((word) => !/.[/@]./.test(word))
  const said = plain.join(' ').replace(/lookup \S+/, 'lookup')
  const [cause] = words.find(([, pattern]) => pattern.test(said)) ?? ['registry-away']
  return cause as ImageCause
}

/** `registry.example.com:5000` of the image that a message quotes. null: it quotes none, or one without a host. */
export function registryIn(message: string): string | null {
  const [, image = ''] = /image "([^"]+)"/.exec(message) ?? []
  const [host = '', ...rest] = image.split('/')
  return rest.length > 0 && /[.:]|^localhost$/.test(host) ? host : null
}
