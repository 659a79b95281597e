// Builds what `platform up --with` would build, so that no test waits for it. The platform must run.

import { createShell } from '../src/adapters/shell.ts'
import { cacheFolder } from '../src/context/cache-folder.ts'
import { createProgress } from '../src/output/progress.ts'
import { additions } from '../src/platform/additions.ts'
import { createDaemons } from '../src/platform/daemons.ts'
import { layoutOf } from '../src/platform/layout.ts'
import { itemsOf } from '../src/platform/parts.ts'
import { ensureBuilt } from '../src/platform/up.ts'

const shell = createShell()
const now = Date.now
const layout = layoutOf(cacheFolder())
const deps = {
  shell,
  progress: createProgress(now),
  now,
  layout,
  daemons: createDaemons(layout, now),
}
for (const addition of additions) await ensureBuilt(deps, await itemsOf(shell, layout, addition))
