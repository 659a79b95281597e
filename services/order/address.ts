// Which mail addresses are accepted: those that every mail server takes (RFC 5321), in ASCII and without quotes.
import { z } from 'zod'

/** A letter or digit at both ends, so that an internationalized name is valid in its `xn--` form. */
const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
const word = "[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
const pattern = new RegExp(
  String.raw`^(?=[^@]{1,64}@)${word}(?:\.${word})*@(?:${label}\.)+(?!\d+$)${label}$`,
  'i',
)

export const mailAddress = z
  .string()
  .max(254)
  .regex(pattern, 'must be a mail address in ASCII, with a domain name in its xn-- form')
