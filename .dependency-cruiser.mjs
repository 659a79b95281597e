// Who may import whom, checked by `npm run lint`. What the tables do not name is forbidden.

/** The ports, and what a slot and a record are: all that adapters and drivers know of release/. */
const facts = 'release/slot release/canonical release/record release/ports'

/** Rooms of cli/src, each a folder or a file: from top to bottom, never back up. */
// biome-ignore format: a table
const rooms = [
  // room                 values of                                                   types alone of
  ['main',                'program output errors',                                    ''],
  ['program',             'program commands context output release inspect platform/additions config errors', ''],
  ['commands',            'commands report release inspect platform output config errors', 'context'],
  ['context',             'context drivers adapters platform output config errors',   'release'],
  ['drivers',             `drivers adapters/kubernetes adapters/shell ${facts} one-line yaml-place errors`, 'release config'],
  ['adapters/kubernetes', `adapters/kubernetes adapters/shell adapters/repeat adapters/json adapters/limited adapters/loopback ${facts} errors`, 'release config'],
  ['adapters/registry',   `adapters/registry adapters/shell adapters/repeat adapters/http adapters/json adapters/loopback ${facts} errors`, 'release config'],
  ['adapters/docker',     `adapters/docker adapters/shell ${facts} errors`,           'release config'],
  ['adapters/aws',        `adapters/aws adapters/shell ${facts} errors`,              'adapters/registry release config'],
  ['adapters/sigstore',   `adapters/sigstore adapters/shell ${facts} errors`,         ''],
  ['adapters/notices',    `adapters/notices adapters/http adapters/json adapters/loopback ${facts} errors`, ''],
  ['adapters/prometheus', `adapters/prometheus adapters/json ${facts} one-line errors`, ''],
  ['adapters/logs',       `adapters/logs adapters/json ${facts} errors`,              ''],
  ['adapters/config-repo', `adapters/config-repo adapters/shell ${facts} one-line errors`, ''],
  ['adapters/migrations', `adapters/migrations errors`,                               'release config'],
  ['adapters/probe',      '',                                                         'adapters/probe-worker release config'],
  ['adapters/probe-worker', 'adapters/sender',                                        'release config'],
  ['adapters/sender',     'adapters/loopback errors',                                 ''],
  ['adapters/repeat',     '',                                                         ''],
  ['adapters/http',       '',                                                         ''],
  ['adapters/json',       '',                                                         ''],
  ['adapters/limited',    'errors',                                                   ''],
  ['adapters/loopback',   '',                                                         ''],
  ['adapters',            `adapters/shell adapters/loopback ${facts} errors`,         'release config'],
  ['platform/additions',  '',                                                         ''],
  ['platform',            'platform adapters/shell adapters/processes adapters/scratch errors', 'output'],
  ['output',              'output one-line errors',                                   'release inspect'],
  ['report',              'report inspect release one-line errors',                   ''],
  ['inspect',             'inspect release config errors',                            ''],
  ['release',             'release config errors',                                    ''],
  ['config',              'config yaml-place errors',                                 ''],
  ['one-line',            '',                                                         ''],
  ['yaml-place',          '',                                                         ''],
  ['errors',              '',                                                         ''],
]

/** Folders of services/: a service knows of the others only what events/ says. */
// biome-ignore format: a table
const folders = [
  ['(order|inventory|payment|notification)', '$1 kernel events'],
  ['kernel',                                 'kernel events bundle event-list'],
  ['events',                                 'events'],
]

/** Packages that one place alone imports. */
// biome-ignore format: a table
const packages = [
  ['execa',                    'cli/src/adapters/shell'],
  ['chalk|ora',                'cli/src/output'],
  ['commander',                'cli/src/program cli/src/main'],
  ['@kubernetes/client-node',  'cli/src/adapters/kubernetes', 'values'],
  ['ws|socks-proxy-agent',     'cli/src/adapters/kubernetes'],
  ['@aws-sdk|@smithy',         'cli/src/adapters/aws'],
  ['@sigstore',                'cli/src/adapters/sigstore'],
  ['@observablehq|linkedom',   'cli/src/report'],
  ['libpg-query',              'cli/src/adapters/migrations'],
]

/** The world is behind release/ports/. */
const pure = 'release inspect report config'
const world = '^(node:)?(fs|child_process|https?|http2|net|tls|dgram|dns)(/|$)'

const production = '^(cli/(src|bin|embedded)|services|charts)/'
const tests = '/(test|bench)/'
/** Everything in production is needed by one of these programs and threads. */
const entries = [
  '^cli/src/(main|adapters/probe-worker)\\.ts$',
  '^services/(bundle|[^/]+/(main|smoke|migrate-job))\\.ts$',
  '^services/shop/[^/]+\\.ts$',
]

function rule(name, from, to) {
  return { name, severity: 'error', from, to }
}

/** Matches the folders or files of these names. */
function places(words, above = '') {
  return words.split(' ').flatMap((word) => (word ? `^${above}${word}(/|\\.ts$)` : []))
}

/** The rooms inside this one have lines of their own. */
function roomsInside(room) {
  return rooms.flatMap(([other]) => (other.startsWith(`${room}/`) ? places(other, 'cli/src/') : []))
}

const valuesAlone = { dependencyTypesNot: ['type-only'] }

export default {
  forbidden: [
    ...rooms.flatMap(([room, values, types]) => {
      const from = { path: places(room, 'cli/src/'), pathNot: roomsInside(room) }
      const allowed = places(`${values} ${types}`, 'cli/src/')
      const typed = places(types, 'cli/src/')
      return [
        rule(`cli/src: ${room}`, from, { path: '^cli/src/', pathNot: allowed }),
        ...(typed.length > 0
          ? [
              rule(`cli/src: ${room}, types alone`, from, {
                path: typed,
                pathNot: places(values, 'cli/src/'),
                ...valuesAlone,
              }),
            ]
          : []),
      ]
    }),
    ...folders.map(([folder, allowed]) =>
      rule(
        `services: ${folder}`,
        { path: places(folder, 'services/') },
        { path: '^(cli|services|charts)/', pathNot: places(allowed, 'services/') },
      ),
    ),
    rule('the CLI knows no services', { path: '^cli/(src|bin|embedded)/' }, { path: '^services/' }),
    rule('charts stand alone', { path: '^charts/' }, { path: '^(cli|services)/' }),
    ...packages.map(([name, allowed, values]) =>
      rule(
        `package: ${name}`,
        { path: '^cli/src/', pathNot: places(allowed) },
        { path: `node_modules/(${name})/`, ...(values && valuesAlone) },
      ),
    ),
    rule('pure', { path: places(pure, 'cli/src/') }, { path: world, dependencyTypes: ['core'] }),
    rule('no tests in production', { path: production, pathNot: tests }, { path: tests }),
    rule('no cycles', {}, { circular: true }),
    rule(
      'no orphans',
      { path: entries },
      { path: '^(cli/src|services)/', pathNot: [tests, ...entries], reachable: false },
    ),
    rule('nothing unresolved', {}, { couldNotResolve: true }),
    rule(
      'in package.json',
      { path: '^(cli/src|services)/', pathNot: [tests, '^services/shop/'] },
      { dependencyTypes: ['npm-no-pkg'] },
    ),
  ],
  options: {
    // It reads TypeScript of any version, and imports of types too.
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['node', 'import', 'default'],
    },
  },
}
