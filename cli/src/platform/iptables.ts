// Adds the platform's packet filter rules, and removes them and those that the cluster's parts leave behind.
import { isDeepStrictEqual } from 'node:util'
import type { Shell } from '../adapters/shell.ts'
import { mailsPort, network } from './layout.ts'

const programs = ['iptables', 'ip6tables'] as const

// Chains of kube-proxy and the kubelet, of CNI plugins, and of the platform.
const ours = /^(KUBE-|CNI-|SHOPCTL-)/

/**
 * Input for `iptables-restore --noflush`. Pods and build containers may reach each other and other networks. Nobody else
 * may send a packet to their addresses, to those of the platform, or to 127.0.0.0/8, which `route_localnet` opens. These
 * packets are dropped before they are counted, rewritten for a Service, or forwarded.
 */
export function rulesScript(): string {
  return [
    '*mangle',
    ':SHOPCTL-PREROUTING - [0:0]',
    '-A SHOPCTL-PREROUTING -i lo -j RETURN',
    '-A SHOPCTL-PREROUTING -d 127.0.0.0/8 -j DROP',
    // Pods may send mails, but only this machine may read them.
    `-A SHOPCTL-PREROUTING -d ${network.host}/32 -p tcp -m tcp --dport ${mailsPort} -j DROP`,
    `-A SHOPCTL-PREROUTING -s ${network.pods} -i ${network.podBridge} -j RETURN`,
    `-A SHOPCTL-PREROUTING -s ${network.builds} -i ${network.buildBridge} -j RETURN`,
    `-A SHOPCTL-PREROUTING -s ${network.all} -j DROP`,
    `-A SHOPCTL-PREROUTING -d ${network.all} -j DROP`,
    'COMMIT',
    '*filter',
    ':SHOPCTL-FORWARD - [0:0]',
    `-A SHOPCTL-FORWARD -s ${network.all} -j ACCEPT`,
    `-A SHOPCTL-FORWARD -d ${network.all} -j ACCEPT`,
    'COMMIT',
    '*nat',
    ':SHOPCTL-POSTROUTING - [0:0]',
    `-A SHOPCTL-POSTROUTING -s ${network.pods} ! -d ${network.all} -j MASQUERADE`,
    `-A SHOPCTL-POSTROUTING -s ${network.builds} ! -d ${network.all} -j MASQUERADE`,
    'COMMIT',
    '',
  ].join('\n')
}

/** The chain in which kube-proxy rejects connections to a Service without pods. */
const rejects = 'KUBE-EXTERNAL-SERVICES'

interface Jump {
  table: string
  chain: string
  rule: string
  /** Before the rules of others, which may accept a packet. */
  isFirst?: true
}

const jumps: readonly Jump[] = [
  { table: 'mangle', chain: 'PREROUTING', rule: '-j SHOPCTL-PREROUTING', isFirst: true },
  { table: 'filter', chain: 'FORWARD', rule: '-j SHOPCTL-FORWARD' },
  { table: 'nat', chain: 'POSTROUTING', rule: '-j SHOPCTL-POSTROUTING' },
  // kube-proxy rejects a packet of this machine when it comes in through `lo`. By then the kernel tracks the connection as
  // one to the machine itself, and for two minutes it refuses its port, though there are pods again.
  {
    table: 'filter',
    chain: 'OUTPUT',
    isFirst: true,
    rule: `-o lo -m conntrack --ctstate NEW -j ${rejects}`,
  },
]

export async function addRules(shell: Shell): Promise<void> {
  await restore(shell, 'iptables', rulesScript())
  // Fails when kube-proxy has made it.
  await shell.run({ program: 'iptables', args: ['-w', '-t', 'filter', '-N', rejects] })
  const script = jumpsScript(await shell.check({ program: 'iptables-save', args: [] }))
  if (script !== '') await restore(shell, 'iptables', script)
}

async function restore(shell: Shell, program: string, input: string): Promise<void> {
  await shell.check({ program: `${program}-restore`, args: ['--noflush', '-w'], input })
}

/**
 * Input for `iptables-restore --noflush` that adds the jumps which `dump` does not have in their places. A table changes in
 * one step, so that a jump which is moved is never missing.
 */
function jumpsScript(dump: string): string {
  return jumps
    .filter((jump) => !hasJump(dump, jump))
    .map(({ table, chain, rule, isFirst }) => {
      const copies = rulesIn(dump, table, chain).filter((one) => one === rule)
      const old = copies.map(() => `-D ${chain} ${rule}`)
      const added = `${isFirst ? '-I' : '-A'} ${chain} ${rule}`
      return [`*${table}`, ...old, added, 'COMMIT', ''].join('\n')
    })
    .join('')
}

function hasJump(dump: string, { table, chain, rule, isFirst }: Jump): boolean {
  const rules = rulesIn(dump, table, chain)
  const before = rules.slice(0, rules.indexOf(rule))
  // kube-proxy puts its jumps first, too.
  return (
    rules.includes(rule) && (!isFirst || before.every((one) => isOurRule(`-A ${chain} ${one}`)))
  )
}

/** The tables of the output of `iptables-save`, each with a line of its name first. */
function tablesIn(dump: string): string[][] {
  const parts = dump.split(/^(?=\*)/m).filter((part) => part.startsWith('*'))
  return parts.map((part) => part.split('\n'))
}

/** The rules of a chain, in their order. */
function rulesIn(dump: string, table: string, chain: string): string[] {
  const start = `-A ${chain} `
  return tablesIn(dump)
    .filter(([name]) => name === `*${table}`)
    .flatMap((lines) => lines.filter((line) => line.startsWith(start)))
    .map((line) => line.slice(start.length))
}

/** Whether `dump`, the output of `iptables-save`, has all rules that `addRules` adds, in the same order. */
export function hasRules(dump: string): boolean {
  const isWhole = tablesIn(rulesScript()).every(([name = '', ...lines]) =>
    lines.filter(isOurChain).every((line) => {
      const [table, chain] = [name.slice(1), chainOf(line)]
      return isDeepStrictEqual(rulesIn(dump, table, chain), rulesIn(rulesScript(), table, chain))
    }),
  )
  return isWhole && jumps.every((jump) => hasJump(dump, jump))
}

export async function areRulesSet(shell: Shell): Promise<boolean> {
  return hasRules(await save(shell, 'iptables'))
}

/** The number of the platform's chains and rules in the output of `iptables-save`. */
export function countRules(dump: string): number {
  return dump.split('\n').filter((line) => isOurChain(line) || isOurRule(line)).length
}

function isOurChain(line: string): boolean {
  return line.startsWith(':') && ours.test(line.slice(1))
}

/** The name in a line that declares a chain. */
function chainOf(line: string): string {
  return line.slice(1).split(' ')[0] ?? ''
}

function isOurRule(line: string): boolean {
  const words = line.split(' ')
  if (words[0] !== '-A') return false
  const target = words[words.findIndex((word) => word === '-j' || word === '-g') + 1] ?? ''
  return ours.test(words[1] ?? '') || ours.test(target)
}

/**
 * Input for `iptables-restore --noflush` that removes the platform's chains, and the rules of other chains that jump to
 * them. `dump` is the output of `iptables-save`. Empty when there is nothing to remove.
 */
export function removalScript(dump: string): string {
  const script: string[] = []
  for (const lines of tablesIn(dump)) {
    const chains = lines.filter(isOurChain).map(chainOf)
    const outside = lines.filter((line) => isOurRule(line) && !ours.test(line.split(' ')[1] ?? ''))
    if (chains.length === 0) continue
    script.push(
      lines[0] ?? '',
      // This line empties the chain, so that no chain refers to another.
      ...chains.map((chain) => `:${chain} - [0:0]`),
      ...outside.map((rule) => rule.replace('-A', '-D')),
      ...chains.map((chain) => `-X ${chain}`),
      'COMMIT',
    )
  }
  return script.length === 0 ? '' : `${script.join('\n')}\n`
}

async function save(shell: Shell, program: string): Promise<string> {
  const { exitCode, stdout } = await shell
    .run({ program: `${program}-save`, args: [] })
    .catch(() => missing)
  return exitCode === 0 ? stdout : ''
}
const missing = { exitCode: 127, stdout: '' }

/** The number of the platform's chains and rules in the kernel, IPv4 and IPv6. */
export async function countOurRules(shell: Shell): Promise<number> {
  const dumps = await Promise.all(programs.map((program) => save(shell, program)))
  return dumps.reduce((sum, dump) => sum + countRules(dump), 0)
}

export async function removeRules(shell: Shell): Promise<void> {
  for (const program of programs) {
    const script = removalScript(await save(shell, program))
    if (script === '') continue
    await restore(shell, program, script)
  }
}
