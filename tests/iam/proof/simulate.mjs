// Asks iam-simulate, without its validation: whether a request is one that AWS knows is no question here.
//   node simulate.mjs FILE     prints a verdict for each line of FILE: the first has the policies, each other one a request

import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { loadPolicy } from '@cloud-copilot/iam-policy'
import { runUnsafeSimulation } from '@cloud-copilot/iam-simulate'

const EVERYTHING = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }
const named = (policy) => ({ name: 'policy', policy })

// iam-simulate 0.1.173 gives a resource's policy no name here, and then asks for it: "Cannot read properties of undefined".
const prototype = Object.getPrototypeOf(loadPolicy(EVERYTHING, { name: 'policy' }))
const { metadata } = prototype
prototype.metadata = function () {
  return metadata.call(this) ?? { name: 'policy' }
}

/** What lets an account's own policies decide, where IAM asks the resource as well: a role's trust, and a key's policy. */
const opened = (account) => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: '*', Resource: '*' }],
})

function simulation(policies, { policy, principal, account, action, resource, keys }) {
  const { kind, document, owner } = policies[policy]
  const asked = { action, resource: { resource, accountId: owner }, contextVariables: keys, principal }
  const none = { identityPolicies: [], serviceControlPolicies: [], resourceControlPolicies: [], sessionPolicy: undefined }
  if (kind === 'identity') {
    const service = action.split(':')[0]
    const resourcePolicy = service === 'kms' || service === 'sts' ? opened(owner) : undefined
    return { ...none, request: asked, identityPolicies: [named(document)], resourcePolicy }
  }
  if (kind === 'control') {
    const attached = [{ orgIdentifier: 'account', policies: [named(EVERYTHING), named(document)] }]
    const own = { ...asked, resource: { resource, accountId: account } }
    const service = action.split(':')[0]
    const resourcePolicy = service === 'kms' || service === 'sts' ? opened(account) : undefined
    return { ...none, request: own, identityPolicies: [named(EVERYTHING)], serviceControlPolicies: attached, resourcePolicy }
  }
  const identityPolicies = account ? [named(EVERYTHING)] : []
  return { ...none, request: asked, identityPolicies, resourcePolicy: document }
}

const [path] = process.argv.slice(2)
let policies
for await (const line of createInterface({ input: createReadStream(path) })) {
  if (!policies) {
    policies = JSON.parse(line)
    continue
  }
  let verdict
  try {
    verdict = runUnsafeSimulation(simulation(policies, JSON.parse(line)), { simulationMode: 'Strict' })
  } catch (error) {
    verdict = `error: ${error.message}`
  }
  console.log(verdict)
}
