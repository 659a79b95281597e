// A diagnosis as people read it.
import { describe, expect, it } from 'vitest'
import { diagnosisText } from '../../src/commands/diagnose.ts'
import { findingsOf } from '../../src/inspect/diagnosis/diagnose.ts'
import { aHolder } from '../fakes/journal.ts'
import {
  aContainer,
  aPod,
  aRollout,
  aScene,
  before,
  type SceneOptions,
  unready,
} from '../inspect/diagnosis/scene.ts'
import { plain, widths, words } from './widths.ts'

function text(options: SceneOptions, unread: string[] = [], width = 80): string {
  const facts = aScene(options)
  return plain((columns) => diagnosisText(facts, findingsOf(facts), unread, columns), width)
}

const ended = { exitCode: 37, reason: 'Error', at: before(20) }
const crashing = aPod({
  name: 'order-green-7d9f8b6c5-x2x4z',
  containers: [aContainer({ restarts: 4, ended })],
})
const log = {
  ...{ pod: crashing.name, container: 'order' },
  text: `\u001b[31mbad configuration: DATABASE_URL is not set\u001b[0m\n${'a long line '.repeat(12)}`,
}
const troubled: SceneOptions = {
  service: unready(),
  green: {
    rollout: aRollout({
      pods: [crashing],
      complaints: [{ reason: 'FailedCreate', message: 'exceeded quota: small', at: before(200) }],
    }),
    logs: [log],
  },
  lock: aHolder({ holder: 'ann@ci 7', reason: 'deploy', since: before(30) }),
}

describe('a diagnosis', () => {
  it('has the most likely cause first, why, and the next command; then what else it may be', () => {
    expect(text(troubled, ['the broker: no right'])).toBe(
      [
        'environment local',
        '! Somebody holds the lock.',
        '    locked by ann@ci 7, 30 s ago: deploy',
        '  Wait for it, then run `shopctl status`. The lock of a killed command expires',
        '  within 15 s.',
        '',
        'order green v-b, standby, 0 of 2 pods ready',
        '! Its container order ends with exit code 37 again and again.',
        '    order-green-7d9f8b6c5-x2x4z: exit code 37, 4 restarts, 20 s ago',
        '    the last lines of order-green-7d9f8b6c5-x2x4z:',
        '      bad configuration: DATABASE_URL is not set',
        '      a long line a long line a long line a long line a long line a long line a',
        '      long line a long line a long line a long line a long line a long line',
        '  `shopctl logs order --color green` shows more. Fix the cause, then',
        '  `shopctl deploy --service order`.',
        '? The quota of the namespace allows no further pod.',
        '    FailedCreate, 3 min ago: exceeded quota: small',
        '  `kubectl --namespace shop describe resourcequota` shows what is used.',
        '  `shopctl cleanup` deletes the slots that are not live.',
        '',
        'not seen: the broker: no right',
      ].join('\n'),
    )
  })

  it('says that nothing is wrong', () => {
    expect(text({})).toBe('nothing is wrong with order')
    expect(text({}, ['the lock: no right'])).toBe(
      'nothing is wrong with order\nnot seen: the lock: no right',
    )
  })

  it('keeps the address of a registry as it is', () => {
    const message = 'image "registry.example.com/shop/order": not found'
    const containers = [aContainer({ waiting: { reason: 'ErrImagePull', message } })]
    const rollout = aRollout({ pods: [aPod({ containers })] })
    expect(text({ service: unready(), green: { rollout } })).toContain(
      '! registry.example.com does not have its image.',
    )
  })

  it.each(widths)('fits %s columns, and says the same', (width) => {
    expect(words(text(troubled, ['x'], width))).toBe(words(text(troubled, ['x'])))
  })
})
