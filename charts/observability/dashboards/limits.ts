// What the panels draw as limits: the chart's own defaults. Alerts have the values of each installation.
export const limits = {
  latencySeconds: 0.5,
  queuedMessages: 1000,
  nodeCpu: 0.9,
  outboxSeconds: 30,
  disk: 0.1,
}

export const promises = {
  accepted: { objective: 0.999 },
  confirmed: { objective: 0.99, withinSeconds: 1 },
}

/** A budget that burns this many times too fast is an alert. */
export const burnRate = 6
