// The daemons of the platform, in the order of their start. Each group needs the groups before it.
import type { Shell } from '../adapters/shell.ts'
import type { Addition } from './additions.ts'
import type { Component, Machine } from './component.ts'
import { containerd } from './components/containerd.ts'
import { coredns } from './components/coredns.ts'
import { docker } from './components/docker.ts'
import { etcd } from './components/etcd.ts'
import { kubeApiserver } from './components/kube-apiserver.ts'
import { kubeControllerManager } from './components/kube-controller-manager.ts'
import { kubeProxy } from './components/kube-proxy.ts'
import { kubeScheduler } from './components/kube-scheduler.ts'
import { kubelet } from './components/kubelet.ts'
import { mailSink } from './components/mail-sink.ts'
import { provisioner } from './components/provisioner.ts'
import { registry } from './components/registry.ts'
import { enginesItem } from './debian.ts'
import { gitopsImage, gitopsItems } from './gitops.ts'
import { type BaseImage, baseImages, missingImages } from './images.ts'
import { kubernetesItem, kubernetesProgram } from './kubernetes.ts'
import type { Layout } from './layout.ts'
import { clientsItem } from './npm.ts'
import { observabilityImage, observabilityItems } from './observability.ts'
import { type Item, isStored, storedAt } from './store.ts'

/** What must be in the store. */
export interface Items {
  engines: Item
  kubernetes: Item
  clients: Item
  /** Programs of the parts that were asked for. */
  added: readonly Item[]
  images: readonly BaseImage[]
}

/** What each addition needs. */
const needs: Readonly<Record<Addition, { items: typeof gitopsItems; image: BaseImage }>> = {
  observability: { items: observabilityItems, image: observabilityImage },
  gitops: { items: gitopsItems, image: gitopsImage },
}

export async function itemsOf(shell: Shell, layout: Layout, add?: Addition): Promise<Items> {
  const added = add && needs[add]
  return {
    engines: enginesItem(shell),
    kubernetes: await kubernetesItem(shell, layout),
    clients: clientsItem(shell, layout),
    added: added ? await added.items(shell, layout) : [],
    images: added ? [...baseImages, added.image] : baseImages,
  }
}

/** Whether a start needs neither to build nor to fetch anything. */
export function isBuilt(layout: Layout, items: Items): boolean {
  const { engines, kubernetes, clients, added, images } = items
  return (
    [engines, kubernetes, clients, ...added].every((item) => isStored(layout, item)) &&
    missingImages(layout, images).length === 0
  )
}

export function machineOf(layout: Layout, items: Items): Machine {
  return {
    layout,
    kubernetes: kubernetesProgram(storedAt(layout, items.kubernetes)),
    debian: storedAt(layout, items.engines),
  }
}

/** They run and build images, without Kubernetes. */
export function engineGroups(machine: Machine): Component[][] {
  return [[containerd(machine), registry(machine)], [docker(machine)]]
}

export function controlGroups(machine: Machine): Component[][] {
  return [[etcd(machine)], [kubeApiserver(machine)]]
}

/** They start after `applyManifests`, which gives them their rights. */
export function clusterGroups(machine: Machine): Component[][] {
  return [
    [
      kubeControllerManager(machine),
      kubeScheduler(machine),
      kubelet(machine),
      kubeProxy(machine),
      coredns(machine),
      provisioner(machine),
      mailSink(machine),
    ],
  ]
}

export function allGroups(machine: Machine): Component[][] {
  return [...engineGroups(machine), ...controlGroups(machine), ...clusterGroups(machine)]
}

export function allComponents(machine: Machine): Component[] {
  return allGroups(machine).flat()
}
