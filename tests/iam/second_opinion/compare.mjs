// Compares a record of tests/iam with the other evaluator, and says how it went. Exits with 1 where the two disagree, and where
// the record proves nothing.

import { readFileSync } from 'node:fs'
import { KNOWN } from './known.mjs'
import { compare, gaps, questions } from './opinion.mjs'

const [path] = process.argv.slice(2)
const asked = questions(readFileSync(path, 'utf8'))
const { counts, differences, explained, stale } = await compare(asked, KNOWN)

const services = new Map()
for (const { action, verdict } of asked) {
  const service = action.split(':')[0]
  const row = services.get(service) ?? { allowed: 0, denied: 0 }
  row[verdict === 'allowed' ? 'allowed' : 'denied'] += 1
  services.set(service, row)
}
for (const [service, { allowed, denied }] of [...services].sort()) {
  console.log(`${service.padEnd(20)} ${String(allowed).padStart(5)} allowed ${String(denied).padStart(5)} denied`)
}
for (const { question, theirs, known } of differences) {
  const { tests, ...shown } = question
  const policy = (text) => (text === null ? null : JSON.parse(text))
  for (const field of ['resource_policy', 'session_policy']) shown[field] = policy(shown[field])
  for (const field of ['identity_policies', 'service_control_policies', 'resource_control_policies']) shown[field] = shown[field].map(policy)
  console.log(`\nDISAGREEMENT${known ? ` (not as known: ${known})` : ''}, asked by ${[...tests].join(', ')}`)
  console.log(`embedded AWS: ${question.verdict}; iam-simulate: ${theirs.verdict}`)
  for (const objection of theirs.objections) console.log(`iam-simulate objects: ${objection}`)
  console.log(JSON.stringify({ question: shown, statements: theirs.statements }, null, 2))
}
for (const name of stale) console.log(`\nKNOWN DIFFERENCE that no call shows any more: ${name}`)
const missing = gaps(asked)
for (const gap of missing) console.log(`\nGAP: ${gap}`)
for (const [name, count] of explained) if (count > 0) console.log(`known difference, ${count} calls: ${name}`)

const denied = counts['explicitly-denied'] + counts['implicitly-denied']
console.log(
  `${asked.length} different calls compared: ${counts.allowed} allowed, ${denied} denied ` +
    `(${counts['explicitly-denied']} by a deny, ${counts['implicitly-denied']} for want of an allow); ` +
    `${differences.length} disagreements`,
)
process.exitCode = differences.length + stale.length + missing.length > 0 ? 1 : 0
