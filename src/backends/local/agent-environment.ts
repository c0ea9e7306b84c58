/** What every agent gets of troupe's own environment, where it is set. */
const PASSED = [
  ...['PATH', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ', 'TMPDIR', 'USER', 'LOGNAME', 'SHELL', 'CI'],
  ...['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'],
  ...['SSL_CERT_FILE', 'SSL_CERT_DIR', 'NODE_EXTRA_CA_CERTS', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'GIT_SSL_CAINFO'],
]
/** Where the user's own settings and logins are; of no use in another home. */
const OF_THE_HOME = [
  ...['XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'XDG_STATE_HOME', 'XDG_CACHE_HOME', 'XDG_RUNTIME_DIR'],
  'GIT_CONFIG_GLOBAL',
]
const AUTHOR = ['GIT_AUTHOR_NAME', 'GIT_AUTHOR_EMAIL', 'GIT_COMMITTER_NAME', 'GIT_COMMITTER_EMAIL']
/** They would turn git from the worktree to another one; whoever asks for them, they are never given. */
const NEVER = new Set([
  'GIT_DIR',
  'GIT_WORK_TREE',
  'GIT_INDEX_FILE',
  'GIT_COMMON_DIR',
  'GIT_OBJECT_DIRECTORY',
  'GIT_PREFIX',
])
/** How troupe itself was started; an agent that needs one of its own is given it by `set`. */
const OWN_ONLY = new Set(['NODE_OPTIONS', 'NODE_CHANNEL_FD'])

const WHERE_PROGRAMS_ARE = '/usr/local/bin:/usr/bin:/bin'

/** What holds for every git that an agent runs. Signing would wait for a passphrase that nobody is asked for. */
const GIT_SETTINGS: readonly (readonly [key: string, value: string])[] = [
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['commit.gpgSign', 'false'],
  ['tag.gpgSign', 'false'],
]

/** Who an agent's commits are by. */
export interface GitIdentity {
  readonly name: string
  readonly email: string
}

/** What an agent's environment is made of. */
export interface EnvironmentOptions {
  /** troupe's own. */
  readonly own: Readonly<Record<string, string | undefined>>
  /** Names of further variables that it gets of troupe's own. */
  readonly names: readonly string[]
  /** Variables that it gets whatever troupe's own are. */
  readonly set: Readonly<Record<string, string>>
  /** A home of its own, instead of the user's. */
  readonly home?: string
  /** Absent: as git finds it in the user's home; in a home of its own troupe's. */
  readonly identity?: GitIdentity
  /** By which its processes are found; nothing overrides them. */
  readonly marks: Readonly<Record<string, string>>
}

/** An agent's environment, built from nothing: what is not named here or asked for, it does not get. */
export function agentEnvironment(options: EnvironmentOptions): Record<string, string> {
  const { own, names, set, home, marks } = options
  const asked = names.filter((name) => !OWN_ONLY.has(name))
  const passed = home === undefined ? [...PASSED, 'HOME', ...OF_THE_HOME] : PASSED
  const given = {
    PATH: WHERE_PROGRAMS_ARE,
    ...picked(own, passed),
    ...identityOf(options),
    ...gitEnvironment(),
    TERM: 'dumb',
    NO_COLOR: '1',
    ...picked(own, asked),
    ...(home === undefined ? {} : { HOME: home }),
    ...set,
    ...marks,
  }
  return Object.fromEntries(Object.entries(given).filter(([name]) => !NEVER.has(name)))
}

function picked(own: EnvironmentOptions['own'], names: readonly string[]): Record<string, string> {
  const found = names.map((name) => [name, own[name]] as const)
  return Object.fromEntries(found.filter((entry): entry is readonly [string, string] => Boolean(entry[1])))
}

function identityOf({ own, home, identity }: EnvironmentOptions): Record<string, string> {
  const fallback = home === undefined ? undefined : { name: 'troupe', email: 'troupe@localhost' }
  const { name, email } = identity ?? fallback ?? {}
  if (name === undefined || email === undefined) return picked(own, AUTHOR)
  const given = { GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email, GIT_COMMITTER_NAME: name, GIT_COMMITTER_EMAIL: email }
  return { ...given, ...picked(own, AUTHOR) }
}

/** Git never asks, never opens an editor, and cleans up nothing that other worktrees may still need. */
function gitEnvironment(): Record<string, string> {
  const settings = GIT_SETTINGS.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ])
  return {
    GIT_TERMINAL_PROMPT: '0',
    GIT_EDITOR: 'true',
    GIT_CONFIG_COUNT: String(GIT_SETTINGS.length),
    ...Object.fromEntries(settings),
  }
}
