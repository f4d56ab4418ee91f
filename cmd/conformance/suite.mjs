// Prints what there is to know of the tests of a suite in a directory.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const directory = join(process.argv.at(-1), 'tests')
const load = async name => (await import(pathToFileURL(join(directory, name)).href)).default
const groups = await load('index.mjs')
if (existsSync(join(directory, 'surrogate-control.mjs'))) {
  const group = await load('surrogate-control.mjs')
  groups.push({ ...group, tests: group.tests.map(test => ({ ...test, cdn_only: true })) })
}
console.log(JSON.stringify(groups.flatMap(group => group.tests).filter(test => !test.browser_only).map(test => ({
  id: test.id, kind: test.kind ?? 'required', depends_on: test.depends_on ?? [], cdn: test.cdn_only ?? false
}))))
