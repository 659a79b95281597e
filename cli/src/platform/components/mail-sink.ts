// Accepts the mail of services and delivers none of it.
import type { Component, Machine } from '../component.ts'
import { network } from '../layout.ts'
import { answers } from '../probe.ts'

export function mailSink({ kubernetes }: Machine): Component {
  return {
    name: 'mail-sink',
    program: kubernetes,
    args: ['mail-sink', `--smtp=${network.host}:1025`, `--http=${network.host}:8025`],
    ready: () => answers(`http://${network.host}:8025/messages?to=nobody`),
  }
}
