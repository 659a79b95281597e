// How the page looks: on a screen, in dark mode, on paper.
import { asMarkup } from './markup.ts'

const light = `
  --page: #fff; --text: #1b1f24; --quiet: #57606a; --edge: #d0d7de;
  --blue: #0b57c2; --green: #1a7034; --bad: #b3261e;
  --band: #8250df2e; --band-edge: #8250df; --bar: #8250df55;
`
const dark = `
  --page: #14171c; --text: #e6e9ee; --quiet: #9aa4b0; --edge: #363d47;
  --blue: #79b0ff; --green: #6fd08c; --bad: #ff9a92;
  --band: #b392f03d; --band-edge: #b392f0; --bar: #b392f077;
`

export const style = asMarkup(`
:root { color-scheme: light dark; ${light} }
@media (prefers-color-scheme: dark) { :root { ${dark} } }
@media print { :root { color-scheme: light; ${light} } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 1000px; padding: 24px 20px 48px; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 1.6em; margin: 0 0 4px }
h2 { font-size: 1.2em; margin: 32px 0 8px; border-bottom: 1px solid var(--edge) }
h3 { font-size: 1em; margin: 0 }
p { margin: 4px 0; max-width: 80ch }
.quiet, figcaption p { color: var(--quiet) }
.bad { color: var(--bad); font-weight: bold }
.error { white-space: pre-wrap; overflow-wrap: anywhere; border-left: 4px solid var(--bad); padding-left: 10px }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 12px 0 }
dt { color: var(--quiet) }
dd { margin: 0; overflow-wrap: anywhere; unicode-bidi: isolate }
code { font-family: ui-monospace, monospace; font-size: 0.92em }
.wide { overflow-x: auto }
@media screen { .timeline .plot { min-width: 700px } }
table { border-collapse: collapse; margin: 8px 0; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: 2px 16px 2px 0; vertical-align: top; border-bottom: 1px solid var(--edge) }
th { font-weight: 600 }
td.number, th.number { text-align: right }
td.digest { font: 0.85em ui-monospace, monospace; overflow-wrap: anywhere }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 440px), 1fr)); gap: 20px }
figure { margin: 0; break-inside: avoid }
figcaption p { margin: 0; font-size: 0.85em }
.plot { --plot-background: var(--page); max-width: 100%; height: auto }
.blue { color: var(--blue) } .green { color: var(--green) }
@media print {
  body { max-width: none; padding: 0; font-size: 11px; -webkit-print-color-adjust: exact; print-color-adjust: exact }
  .panels { grid-template-columns: 1fr 1fr; gap: 10px }
  .wide { overflow: visible }
  h2 { break-after: avoid }
  tr { break-inside: avoid }
}
`)
