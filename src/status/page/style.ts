/** The style of the page: dark or light as the reader's system is, and wide tables scroll by themselves. */
export const style = `
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --bad: light-dark(#b3261e, #ff897d);
  --good: light-dark(#1b7f4b, #6fdb9f); --fill: light-dark(#2b6cb0, #7fb2ea); --muted: light-dark(#555, #aaa) }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 80rem; padding: 1rem }
h1 { font-size: 1.3rem; margin: 0 } h2 { font-size: 1.05rem; margin: 1.6rem 0 .5rem }
header p, .muted { color: var(--muted); margin: .2rem 0 }
.scroll { overflow-x: auto } table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid var(--line); padding: .35rem 1.2rem .35rem 0; text-align: left; vertical-align: top }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
th button { all: unset; cursor: pointer; font-weight: 600 } th button:focus-visible, input:focus-visible, summary:focus-visible
  { outline: 2px solid var(--fill); outline-offset: 2px }
th[aria-sort=ascending] button::after { content: " \\25B2" } th[aria-sort=descending] button::after { content: " \\25BC" }
meter { width: 8rem; vertical-align: middle } progress { width: 12rem; vertical-align: middle }
.history { display: block; color: var(--fill) } .problem { color: var(--bad); font-weight: 600 } .well { color: var(--good) }
.remedy { margin: 0 0 .6rem } ul { margin: .2rem 0; padding-left: 1.3rem } code { font-size: .9em; overflow-wrap: anywhere }
input { font: inherit; padding: .25rem .5rem; margin-bottom: .5rem; min-width: 16rem }
@media (prefers-reduced-motion: no-preference) { tr { transition: background .1s } } tbody tr:hover { background: var(--soft) }
`;
