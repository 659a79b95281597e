// What pods say that run and are not ready: on their readiness path, and to the kubelet's probes. Pure.
import type { Facts, Found } from './facts.ts'
import { deployAgain, goBack, logsOf, type SlotView } from './slot-view.ts'
import { complaintText, kubectl, logEvidence, shopctl, shown } from './words.ts'

/** Of the answer on the readiness path, as far as a service gives it. */
interface Readiness {
  database?: unknown
  migrations?: unknown
  broker?: unknown
  preview?: unknown
  login?: unknown
}

interface Answer {
  pod: string
  text: string
  checks: Readiness
}

function answersOf({ answers }: SlotView): Answer[] {
  return answers.map(({ pod, text }) => ({ pod, text, checks: checksIn(text) }))
}

function checksIn(text: string): Readiness {
  try {
    const found: unknown = JSON.parse(text)
    return typeof found === 'object' && found !== null ? found : {}
  } catch {
    return {}
  }
}

/** Pods whose credential is not valid. Their open connections may work all the same. */
export function loginFindings(view: SlotView): Found[] {
  const { facts, service, reports } = view
  const refused = reports.flatMap(({ pod, report }) => {
    const logins = [report?.login, report?.preview?.login]
    return logins.flatMap((login) =>
      login?.state === 'refused' ? [`${pod}: ${shown(login.problem ?? login.state)}`] : [],
    )
  })
  const said = answersOf(view).flatMap(({ pod, checks: { login } }) =>
    typeof login === 'string' && isRefusal(login) ? [`${pod}: ${shown(login)}`] : [],
  )
  const evidence = [...new Set([...refused, ...said])]
  if (evidence.length === 0) return []
  const release = shopctl(facts, `release --service ${service}`)
  return [
    {
      cause: 'login-refused',
      what: 'its login is refused: only connections that are open still work.',
      evidence: [...evidence.slice(0, 3), ...logEvidence(view.logs[0])],
      hint: `${goBack(view)}Correct its Secret or the server, then ${release}.`,
    },
  ]
}

function isRefusal(login: string): boolean {
  return /password|authentication|ACCESS.REFUSED|not permitted|does not exist/i.test(login)
}

/** One thing that an answer may say is missing. */
interface Check {
  cause: Found['cause']
  lacks(checks: Readiness): boolean
  what: string
  /** What else is known of that. */
  evidence(facts: Facts): string[]
  hint(view: SlotView): string
}

const nothingElse = (): string[] => []

function whetherRuns(what: string): Check['hint'] {
  return (view) =>
    `${kubectl(view.facts, 'get pods')} shows whether ${what} runs, ${logsOf(view)} what the pods say.`
}

const known: readonly Check[] = [
  {
    cause: 'database-away',
    lacks: ({ database }) => database === false,
    what: 'its pods do not reach their database.',
    evidence: ({ dependencies }) =>
      dependencies
        .filter((each) => !each.isBroker && isDown(each))
        .map(({ name }) => `${name} is not ready`),
    hint: whetherRuns('the database'),
  },
  {
    cause: 'migrations-missing',
    // While the database is away, nobody knows.
    lacks: ({ database, migrations }) => database === true && migrations === false,
    what: 'its database lacks migrations.',
    evidence: nothingElse,
    hint: (view) => `${deployAgain(view)} applies them.`,
  },
  {
    cause: 'broker-away',
    lacks: ({ broker }) => broker === false,
    what: 'its pods do not reach the broker.',
    evidence: brokerTrouble,
    hint: whetherRuns('the broker'),
  },
  {
    cause: 'preview-plane',
    lacks: ({ preview, broker, migrations }) =>
      preview === false && broker !== false && migrations !== false,
    what: 'its preview plane has not started: its database or its migrations are missing.',
    evidence: nothingElse,
    hint: (view) => `${logsOf(view)} shows what it waits for.`,
  },
]

/** What is missing to pods that answer. */
export function readinessFindings(view: SlotView): Found[] {
  const answers = answersOf(view)
  const found = known.flatMap(({ cause, lacks, what, evidence, hint }): Found[] => {
    const lacking = answers.filter(({ checks }) => lacks(checks))
    const [first] = lacking
    if (!first) return []
    const all = [
      ...lacking.map(answerText),
      ...evidence(view.facts),
      ...logEvidence(view.logs.find(({ pod }) => pod === first.pod)),
    ]
    return [{ cause, what, evidence: all, hint: `${goBack(view)}${hint(view)}` }]
  })
  return found.length > 0 ? found : otherAnswers(view, answers)
}

function answerText({ pod, text }: Answer): string {
  return `${pod} answers its readiness probe: ${shown(text)}`
}

export function isDown({ rollout }: Facts['dependencies'][number]): boolean {
  const { pods, complaints } = rollout
  return pods.length === 0 || complaints.length > 0 || pods.some(({ ready }) => !ready)
}

function brokerTrouble({ broker, dependencies }: Facts): string[] {
  const down = dependencies.filter((each) => each.isBroker && isDown(each))
  return [
    ...down.map(({ name }) => `${name} is not ready`),
    ...(broker?.problems ?? []).map((each) => `the broker: ${shown(each)}`),
    ...(broker?.unreachable ? [shown(broker.unreachable)] : []),
  ]
}

/** Answers that name nothing that is known here, and what the kubelet says of its probes. */
function otherAnswers(view: SlotView, answers: readonly Answer[]): Found[] {
  const pods = view.rollout?.pods ?? []
  const probes = pods.flatMap(({ name, ready, complaints }) =>
    complaints.flatMap((each) =>
      !ready && each.reason === 'Unhealthy' ? [`${name}: ${complaintText(view.facts, each)}`] : [],
    ),
  )
  // Without a readiness path in shopctl.yaml, nothing is known.
  const told = answers.filter(({ text }) => text !== 'not ready')
  if (told.length === 0 && probes.length === 0) return []
  const says = told.map(answerText)
  const isSilent = told.length > 0 && told.every(({ text }) => text === 'no answer')
  const isProbe = told.length === 0 || isSilent
  return [
    {
      cause: isProbe ? 'probe' : 'not-ready',
      what: isProbe
        ? 'its pods run, and do not answer their readiness probe.'
        : 'its pods run, and say that they are not ready.',
      evidence: [
        ...says.slice(0, 2),
        ...probes.slice(0, 2),
        ...logEvidence(view.logs.find(({ pod }) => pod === (told[0]?.pod ?? pods[0]?.name))),
      ],
      hint: `${goBack(view)}${logsOf(view)} shows more. Correct the service, or the probe in its chart.`,
    },
  ]
}
