// Accepts the mail of services and delivers none of it.
import type { Component, Machine } from '../component.ts'
import { mailsPort, network } from '../layout.ts'
import { answers } from '../probe.ts'

export function mailSink({ kubernetes }: Machine): Component {
  return {
    name: 'mail-sink',
    program: kubernetes,
    args: ['mail-sink', `--smtp=${network.host}:1025`, `--http=${network.host}:${mailsPort}`],
    ready: () => answers(`http://${network.host}:${mailsPort}/messages?to=nobody`),
  }
}
