/** The style of the page; a policy allows exactly this text. */
export const DOCS_STYLE = `
:root { color-scheme: light dark; --ground: #fff; --text: #1d2430; --soft: #5b6575; --line: #dfe3e9; --panel: #f5f7f9; --link: #0b5cad; --get: #14713f; --post: #9a4a00; --delete: #b3261e; --measure: 62rem }
@media (prefers-color-scheme: dark) {
  :root { --ground: #12161c; --text: #e3e8ef; --soft: #a0abba; --line: #2c3541; --panel: #1a2028; --link: #7db8f5; --get: #6fd39b; --post: #f0b26b; --delete: #f2938c }
}
* { box-sizing: border-box }
html { scroll-padding-top: 1rem }
body { margin: 0; background: var(--ground); color: var(--text); font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: anywhere }
a { color: var(--link) }
a:focus-visible, pre:focus-visible { outline: 2px solid var(--link); outline-offset: 2px }
.skip { position: absolute; left: -99rem }
.skip:focus { left: 1rem; top: 1rem; background: var(--ground); padding: .5rem }
.layout { display: grid; grid-template-columns: 17rem minmax(0, 1fr); max-width: 90rem; margin: 0 auto }
header { grid-column: 1 / -1; padding: 1.5rem 1.4rem 1rem; border-bottom: 1px solid var(--line) }
nav { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow-y: auto; padding: 1.5rem 1rem; border-right: 1px solid var(--line); font-size: .875rem }
nav ul { list-style: none; margin: 0 0 1rem; padding: 0 }
nav a { display: block; padding: .2rem .4rem; border-radius: .3rem; text-decoration: none; color: var(--text) }
nav a:hover { background: var(--panel) }
nav strong { display: block; padding: .2rem .4rem; color: var(--soft); font-size: .75rem; letter-spacing: .05em; text-transform: uppercase }
main { padding: 1.5rem 2rem 6rem; max-width: var(--measure); min-width: 0 }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .25rem }
h2 { font-size: 1.4rem; margin: 3rem 0 .5rem; padding-top: .5rem; border-top: 1px solid var(--line) }
h3 { font-size: 1.1rem; margin: 0 }
h4 { font-size: .8rem; margin: 1.2rem 0 .3rem; color: var(--soft); letter-spacing: .04em; text-transform: uppercase }
p { margin: .5rem 0 }
code, pre { font: .875em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
code { background: var(--panel); padding: .1em .3em; border-radius: .25em }
pre { background: var(--panel); padding: .8rem 1rem; border: 1px solid var(--line); border-radius: .4rem; overflow-x: auto; overflow-wrap: normal }
.operation { margin: 1.5rem 0; padding: 1rem 1.2rem 1.2rem; border: 1px solid var(--line); border-radius: .5rem }
.route { display: flex; flex-wrap: wrap; gap: .1rem .6rem; align-items: baseline; margin: .2rem 0 .6rem }
.method { font-weight: 700; font-size: .8rem; letter-spacing: .04em }
.get { color: var(--get) } .post { color: var(--post) } .delete { color: var(--delete) }
.soft { color: var(--soft); font-weight: 400 }
dl { margin: .3rem 0; display: grid; grid-template-columns: minmax(6rem, 13rem) minmax(0, 1fr); gap: .35rem 1rem }
dt { font-weight: 600 }
dd { margin: 0 }
dd dl { grid-template-columns: minmax(0, 1fr); gap: .1rem; border-left: 2px solid var(--line); padding-left: .8rem }
dd dl dd { margin-bottom: .3rem }
.schema { margin: 1.2rem 0; padding-top: .8rem; border-top: 1px solid var(--line) }
@media (max-width: 50rem) {
  .layout { display: block }
  nav { position: static; max-height: none; border-right: 0; border-bottom: 1px solid var(--line) }
  header { padding: 1rem }
  main { padding: 1rem 1rem 4rem }
  .operation { padding: .8rem .9rem 1rem }
  dl { grid-template-columns: minmax(0, 1fr); gap: .1rem }
  dd { margin-bottom: .5rem }
}
`
