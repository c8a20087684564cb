// What the embedded AWS's IAM was asked, asked again of @cloud-copilot/iam-simulate. Nothing is printed here.

import { runSimulation } from '@cloud-copilot/iam-simulate'

const VERDICTS = {
  Allowed: 'allowed',
  ExplicitlyDenied: 'explicitly-denied',
  ImplicitlyDenied: 'implicitly-denied',
}

/** What AWS attaches to an account beside an organization's own service control policies. */
const FULL_ACCESS = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] })

/** The questions of a record, each once, with the tests that asked it. */
export function questions(record) {
  const found = new Map()
  for (const line of record.split('\n')) {
    if (line === '') continue
    const { test, ...question } = JSON.parse(line)
    const key = JSON.stringify(question)
    if (!found.has(key)) found.set(key, { ...question, tests: new Set() })
    found.get(key).tests.add(test)
  }
  return [...found.values()]
}

/** What the other evaluator says to a question: its verdict, what it objects to beside that, and the statements that decided. */
export async function ask(question) {
  const policies = (texts) => texts.map((text, at) => ({ name: `policy ${at + 1}`, policy: JSON.parse(text) }))
  // All of them are attached at one place, beside each other. The other evaluator adds the full access of resource control policies.
  const attached = (texts, ...besides) =>
    texts.length > 0 ? [{ orgIdentifier: 'account', policies: policies([...besides, ...texts]) }] : []
  const answer = await runSimulation(
    {
      request: {
        principal: question.caller,
        action: question.action,
        resource: { resource: question.resource, accountId: question.owner },
        contextVariables: question.conditions,
      },
      identityPolicies: policies(question.identity_policies),
      sessionPolicy: question.session_policy === null ? undefined : JSON.parse(question.session_policy),
      resourcePolicy: question.resource_policy === null ? undefined : JSON.parse(question.resource_policy),
      serviceControlPolicies: attached(question.service_control_policies, FULL_ACCESS),
      resourceControlPolicies: attached(question.resource_control_policies),
    },
    { simulationMode: 'Strict' },
  )
  if (answer.resultType === 'error') {
    return { verdict: 'not answered', objections: [JSON.stringify(answer.errors)], statements: [] }
  }
  const results = answer.resultType === 'single' ? [answer.result] : answer.results
  const ignored = new Set(results.flatMap((result) => result.ignoredContextKeys ?? []))
  const objections = [...ignored].map((key) => `${question.action} has no condition key ${key}`)
  if (answer.resultType === 'wildcard' && question.resource === '*') {
    objections.push(`${question.action} is for a resource, and none is named`)
  }
  return {
    verdict: VERDICTS[answer.overallResult] ?? `not known here: ${answer.overallResult}`,
    objections,
    statements: results.flatMap((result) => decisive(result.analysis)),
  }
}

/** The statements of an analysis that allowed or denied. */
function decisive(analysis) {
  const kinds = ['identityAnalysis', 'resourceAnalysis', 'sessionAnalysis', 'scpAnalysis', 'rcpAnalysis']
  return kinds.flatMap((kind) => {
    const parts = analysis?.[kind]?.ouAnalysis ?? [analysis?.[kind]]
    return parts.flatMap((part) =>
      [...(part?.allowStatements ?? []), ...(part?.denyStatements ?? [])].map((statement) => ({ kind, ...statement.explain })),
    )
  })
}

/**
 * Compares all that was asked. A difference that `known` explains is none as long as both sides answer as it says; one that never
 * came up is stale.
 */
export async function compare(asked, known) {
  const differences = []
  const explained = new Map(known.map((entry) => [entry.name, 0]))
  const counts = { allowed: 0, 'explicitly-denied': 0, 'implicitly-denied': 0 }
  for (const question of asked) {
    const theirs = await ask(question)
    counts[question.verdict] += 1
    const entry = known.find((entry) => entry.about(question))
    if (entry) explained.set(entry.name, explained.get(entry.name) + 1)
    const expected = entry?.theirs(question) ?? { verdict: question.verdict, objections: [] }
    const same = theirs.verdict === expected.verdict && JSON.stringify(theirs.objections) === JSON.stringify(expected.objections)
    if (!same) differences.push({ question, theirs, known: entry?.name })
  }
  const stale = [...explained].filter(([, count]) => count === 0).map(([name]) => name)
  return { counts, differences, explained, stale }
}

/** What a record must hold to prove anything; what it lacks, in words. */
export function gaps(asked) {
  const denied = (question) => question.verdict !== 'allowed'
  const tests = new Map()
  for (const question of asked) {
    for (const test of question.tests) tests.set(test, (tests.get(test) ?? 0) + denied(question))
  }
  const found = []
  if (asked.length === 0) found.push('nothing was recorded')
  if (!asked.some(denied)) found.push('no denied call was recorded')
  if (asked.every(denied)) found.push('no allowed call was recorded')
  const boundaries = [...tests].filter(([test]) => test.startsWith('boundaries::'))
  if (boundaries.length === 0) found.push('no test of boundaries.rs was recorded')
  for (const [test, count] of boundaries) if (count === 0) found.push(`${test} recorded no denied call`)
  return found
}
