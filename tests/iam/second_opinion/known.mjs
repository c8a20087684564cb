// Where iam-simulate answers otherwise than AWS documents: README.md says why, and names the source. Each is compared all the
// same: a release that answers otherwise is noticed, and so is a difference that no call shows any more.
//
// An entry has a `name`, says which questions it is `about`, and what `theirs` is: the verdict and the objections.

/** Whether a policy is of a version without variables, and holds what would be one. */
const looksVariable = (text) => JSON.parse(text).Version !== '2012-10-17' && text.includes('${')

export const KNOWN = [
  {
    name: 'variables are filled in in policies of a version that has none',
    about: ({ identity_policies: texts, verdict }) => verdict === 'implicitly-denied' && texts.some(looksVariable),
    theirs: () => ({ verdict: 'allowed', objections: [] }),
  },
]
