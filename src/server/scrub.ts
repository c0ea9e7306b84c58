/** What stands where something was taken out. */
export const REDACTED = '[redacted]'

/** Text from outside is cut to so many characters. */
const MOST_TEXT = 2000
/** Of a longer text only the beginning is looked at. */
const MOST_READ = 20_000

const SECRET_NAME =
  /(?:token|authorization|cookie|ticket|secret|password|passwd|passphrase|apikey|credential|privatekey)s?$/

// Controls beyond those that JSON escapes: some terminals obey them, some readers take them for the end of a line.
const CONTROLS = /[\u007f-\u009f\u2028\u2029]/g
const CREDENTIALS = /\b(Bearer|Basic)\s+[\w.~+/=-]{4,}/gi
const HEADER = /\b((?:proxy-)?authorization|(?:set-)?cookie|x-api-key)(["']?\s*:\s*)[^\r\n]+/gi
const ASSIGNED =
  /((?:token|ticket|secret|password|passwd|api[_-]?key)["']?)(\s*=\s*|["']\s*:\s*)("[^"]*"|'[^']*'|[^\s"',;&}]+)/gi

/** Takes out of a text what nobody may read in a log, and cuts it. */
export type Scrub = (text: string) => string

/** Whether what stands under this name is a secret: `authorization`, `set-cookie`, `CODEGEN_API_TOKEN`, `ticket`, ... */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name.toLowerCase().replace(/[^a-z]/g, ''))
}

/**
 * Makes a scrubber: the given secrets wherever they stand, plainly or as part of a URL; credentials of any scheme; the query and
 * the user of every URL. Linear in the text.
 */
export function createScrub(secrets: readonly string[] = []): Scrub {
  const known = [...new Set(secrets.flatMap(formsOf))]
    .filter((secret) => secret !== '')
    // The longer first: one may be the beginning of another.
    .sort((a, b) => b.length - a.length)
  const longest = Math.max(0, ...known.map(({ length }) => length))
  return (text) => {
    let clean = text.slice(0, MOST_READ)
    for (const secret of known) clean = clean.replaceAll(secret, REDACTED)
    // Where the text was cut, the beginning of a secret may be left.
    if (text.length > MOST_READ) clean = clean.slice(0, -longest || clean.length)
    clean = clean
      .replace(HEADER, `$1$2${REDACTED}`)
      .replace(CREDENTIALS, `$1 ${REDACTED}`)
      .replace(ASSIGNED, `$1$2${REDACTED}`)
      .replace(/[^\s"'<>`]+/g, withoutQuery)
      .replace(CONTROLS, '\ufffd')
    return clean.length > MOST_TEXT || text.length > MOST_READ ? `${clean.slice(0, MOST_TEXT)}…` : clean
  }
}

/** The secret, also within a URL, within JSON and within JSON that is text of JSON. */
function formsOf(secret: string): string[] {
  const inJson = JSON.stringify(secret).slice(1, -1)
  // By way of bytes, because a broken character would throw.
  const inUrl = encodeURIComponent(Buffer.from(secret).toString())
  return [secret, inUrl, inJson, JSON.stringify(inJson).slice(1, -1)]
}

/** A word without the query and the user of the URL that it is. */
function withoutQuery(word: string): string {
  const question = word.indexOf('?')
  const isQuery = question >= 0 && (word.lastIndexOf('/', question) >= 0 || word.indexOf('=', question) > 0)
  const bare = isQuery ? word.slice(0, question) : word
  return bare.includes('@') ? bare.replace(/:\/\/[^/@]*@/, `://${REDACTED}@`) : bare
}
