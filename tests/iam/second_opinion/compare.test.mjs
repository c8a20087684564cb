// The comparison finds what it is there for.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask, compare, gaps, questions } from './opinion.mjs'

const TABLE = 'arn:aws:dynamodb:us-east-1:111111111111:table/t'
const MEMBER = 'arn:aws:sts::111111111111:assumed-role/member/s'
const QUEUE = 'arn:aws:sqs:us-east-1:222222222222:q'
const TOPIC = 'arn:aws:sns:us-east-1:111111111111:t'

const policy = (...statements) => JSON.stringify({ Version: '2012-10-17', Statement: statements })
const OWN = policy({
  Effect: 'Allow',
  Action: 'dynamodb:PutItem',
  Resource: TABLE,
  Condition: { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': ['own'] }, Null: { 'dynamodb:LeadingKeys': 'false' } },
})

const put = (key, verdict) => ({
  tests: new Set(['boundaries::a_test']),
  caller: MEMBER,
  action: 'dynamodb:PutItem',
  resource: TABLE,
  owner: '111111111111',
  conditions: { 'dynamodb:LeadingKeys': [key] },
  identity_policies: [OWN],
  resource_policy: null,
  session_policy: null,
  service_control_policies: [],
  resource_control_policies: [],
  verdict,
})

test('answers that agree are counted', async () => {
  const { counts, differences } = await compare([put('own', 'allowed'), put('other', 'implicitly-denied')], [])
  assert.deepEqual(differences, [])
  assert.deepEqual(counts, { allowed: 1, 'explicitly-denied': 0, 'implicitly-denied': 1 })
})

test('a wrong answer is a difference, whichever way it is wrong', async () => {
  const wrong = [put('own', 'implicitly-denied'), put('other', 'allowed'), put('other', 'explicitly-denied')]
  const { differences } = await compare(wrong, [])
  assert.equal(differences.length, 3)
  assert.equal(differences[0].theirs.statements.length, 1)
})

test('a condition key that the action does not have is an objection', async () => {
  const scan = { ...put('own', 'allowed'), action: 'dynamodb:Scan', identity_policies: [policy({ Effect: 'Allow', Action: '*', Resource: '*' })] }
  const { differences } = await compare([scan], [])
  assert.deepEqual(differences[0].theirs.objections, ['dynamodb:Scan has no condition key dynamodb:LeadingKeys'])
})

test('an action, and a resource, that AWS does not know are objections', async () => {
  for (const change of [{ action: 'dynamodb:PutThing' }, { resource: QUEUE }, { resource: '*' }]) {
    const { differences } = await compare([{ ...put('own', 'allowed'), ...change }], [])
    assert.equal(differences.length, 1, JSON.stringify(change))
  }
})

test('session policies, control policies and services are asked about', async () => {
  const session = { ...put('own', 'implicitly-denied'), session_policy: policy({ Effect: 'Allow', Action: 'sqs:*', Resource: '*' }) }
  const denied = policy({ Effect: 'Deny', Action: 'dynamodb:*', Resource: '*' })
  const control = { ...put('own', 'explicitly-denied'), service_control_policies: [denied] }
  const others = policy({ Effect: 'Deny', Action: 's3:*', Resource: '*' })
  const harmless = { ...put('own', 'allowed'), service_control_policies: [others] }
  const service = (caller) => ({
    ...put('own', 'allowed'),
    caller,
    action: 'sqs:SendMessage',
    resource: QUEUE,
    owner: '222222222222',
    conditions: { 'aws:SourceArn': [TOPIC] },
    identity_policies: [],
    resource_policy: policy({
      Effect: 'Allow',
      Principal: { Service: 'sns.amazonaws.com' },
      Action: 'sqs:SendMessage',
      Resource: QUEUE,
      Condition: { ArnEquals: { 'aws:SourceArn': TOPIC } },
    }),
  })
  const guard = (organization) =>
    policy({
      Effect: 'Deny',
      Principal: '*',
      Action: 'sqs:*',
      Resource: '*',
      Condition: {
        StringNotEqualsIfExists: { 'aws:SourceOrgID': organization },
        Bool: { 'aws:PrincipalIsAWSService': 'true' },
      },
    })
  const guarded = (organization, verdict) => {
    const sent = service('sns.amazonaws.com')
    const conditions = { ...sent.conditions, 'aws:SourceOrgID': ['o-hub0000000'], 'aws:PrincipalIsAWSService': ['true'] }
    return { ...sent, conditions, resource_control_policies: [guard(organization)], verdict }
  }
  const rails = [guarded('o-hub0000000', 'allowed'), guarded('o-alpha00000', 'explicitly-denied')]
  const { differences } = await compare([session, control, harmless, service('sns.amazonaws.com'), ...rails], [])
  assert.deepEqual(differences, [])
  assert.equal((await ask(service('events.amazonaws.com'))).verdict, 'implicitly-denied')
})

test('a known difference is compared, and is stale where nothing shows it', async () => {
  const known = (verdict) => [
    { name: 'other', about: (question) => question.conditions['dynamodb:LeadingKeys'][0] === 'other', theirs: () => ({ verdict, objections: [] }) },
  ]
  assert.equal((await compare([put('other', 'allowed')], known('implicitly-denied'))).differences.length, 0)
  assert.equal((await compare([put('other', 'allowed')], known('explicitly-denied'))).differences.length, 1)
  assert.deepEqual((await compare([put('own', 'allowed')], known('implicitly-denied'))).stale, ['other'])
})

test('a record holds each question once, and one that proves nothing is told', () => {
  const { tests, ...question } = put('own', 'allowed')
  const line = (test, more = {}) => `${JSON.stringify({ test, ...question, ...more })}\n`
  const asked = questions(line('a') + line('b') + line('boundaries::c', { verdict: 'implicitly-denied' }))
  assert.deepEqual(asked.map(({ tests }) => [...tests]), [['a', 'b'], ['boundaries::c']])
  assert.deepEqual(gaps(asked), [])
  assert.deepEqual(gaps([]).includes('nothing was recorded'), true)
  assert.deepEqual(gaps(questions(line('boundaries::c'))), ['no denied call was recorded', 'boundaries::c recorded no denied call'])
})
