// Where iam-simulate answers otherwise than AWS documents: README.md says why, and names the source. Each is compared all the
// same: a release that answers otherwise is noticed, and so is a difference that no call shows any more.
//
// An entry has a `name`, says which questions it is `about`, and what `theirs` is: the verdict and the objections.

/** Whether a policy is of a version without variables, and holds what would be one. */
const looksVariable = (text) => JSON.parse(text).Version !== '2012-10-17' && text.includes('${')

/** What SNS is asked about one subscription. The service authorization reference names no resource for any of them. */
const OF_A_SUBSCRIPTION = ['sns:GetSubscriptionAttributes', 'sns:SetSubscriptionAttributes', 'sns:Unsubscribe']

export const KNOWN = [
  {
    name: 'AWS documents no resource for what SNS is asked about a subscription',
    about: ({ action }) => OF_A_SUBSCRIPTION.includes(action),
    theirs: () => ({ verdict: 'not answered', objections: ['{"message":"no.resource.types"}'] }),
  },
  {
    name: 'variables are filled in in policies of a version that has none',
    about: ({ identity_policies: texts, verdict }) => verdict === 'implicitly-denied' && texts.some(looksVariable),
    theirs: () => ({ verdict: 'allowed', objections: [] }),
  },
]
