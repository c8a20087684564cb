//! Prepares policies for awsim's evaluator: parses them, and rewrites parts that the evaluator
//! understands differently from AWS.

use awsim_iam_policy::document::ResourceList;
use awsim_iam_policy::{BaseOperator, Effect, PolicyDocument, Principal, Statement, parse};

/// Condition keys are not case-sensitive, but awsim's evaluator is. It gets these spellings.
const CONDITION_KEYS: [&str; 16] = [
    "aws:PrincipalArn",
    "aws:PrincipalAccount",
    "aws:PrincipalIsAWSService",
    "aws:PrincipalOrgID",
    "aws:ResourceAccount",
    "aws:ResourceOrgID",
    "aws:SecureTransport",
    "aws:SourceArn",
    "aws:SourceAccount",
    "aws:SourceOrgID",
    "sts:ExternalId",
    "sts:RoleSessionName",
    "dynamodb:LeadingKeys",
    "catalog:ChangeType",
    "sns:Endpoint",
    "sns:Protocol",
];

/// The prefixes of condition keys that end with a tag's key.
const TAG_KEYS: [&str; 2] = ["aws:PrincipalTag/", "aws:ResourceTag/"];

/// The policy version that has variables.
const WITH_VARIABLES: &str = "2012-10-17";

/// Parses a policy that was checked when it was stored. A text that cannot be parsed allows
/// nothing.
pub(super) fn read(text: &str) -> PolicyDocument {
    let mut document = parse(text).unwrap_or_else(|_| nothing());
    let literal = document.version.as_deref() != Some(WITH_VARIABLES);
    for statement in &mut document.statements {
        mend_resources(statement, literal);
        mend_conditions(statement, literal);
    }
    document
}

/// A policy without statements.
pub(super) fn nothing() -> PolicyDocument {
    PolicyDocument { version: None, id: None, statements: Vec::new() }
}

/// A resource's policy for callers of its own account. A statement that allows the account
/// delegates to the account's own policies; awsim would treat it as a permission for each caller of
/// the account, so such statements are removed.
pub(super) fn without_account(mut policy: PolicyDocument, account: &str) -> PolicyDocument {
    let root = format!("arn:aws:iam::{account}:root");
    for statement in policy.statements.iter_mut().filter(|statement| statement.effect == Effect::Allow) {
        if let Some(Principal::Aws(names) | Principal::Mixed { aws: names, .. }) = &mut statement.principal {
            names.retain(|name| name != account && *name != root);
        }
    }
    policy
}

/// AWS replaces no variable before an ARN's fifth colon, so such a resource matches nothing. awsim
/// would insert the value.
fn mend_resources(statement: &mut Statement, literal: bool) {
    for list in [&mut statement.resource, &mut statement.not_resource].into_iter().flatten() {
        let possible = list.iter().filter(|resource| {
            let before: Vec<&str> = resource.splitn(6, ':').take(5).collect();
            !before.iter().any(|part| part.contains("${"))
        });
        *list = ResourceList::Multiple(possible.map(|resource| spelled(resource, literal)).collect());
    }
}

/// In AWS, `ArnEquals` is the same as `ArnLike`. awsim compares the text exactly.
fn mend_conditions(statement: &mut Statement, literal: bool) {
    let conditions = statement.condition.as_mut().map(|block| &mut block.conditions);
    for condition in conditions.into_iter().flatten() {
        if let Some(known) = CONDITION_KEYS.iter().find(|known| known.eq_ignore_ascii_case(&condition.key)) {
            condition.key = (*known).to_owned();
        }
        let is_tag =
            |known: &&&str| condition.key.get(..known.len()).is_some_and(|start| start.eq_ignore_ascii_case(known));
        if let Some(known) = TAG_KEYS.iter().find(is_tag) {
            condition.key.replace_range(..known.len(), known);
        }
        match condition.operator.base {
            BaseOperator::ArnEquals => condition.operator.base = BaseOperator::ArnLike,
            BaseOperator::ArnNotEquals => condition.operator.base = BaseOperator::ArnNotLike,
            _ => {}
        }
        condition.values.iter_mut().for_each(|value| *value = spelled(value, literal));
    }
}

/// Escapes the text of a policy whose version has no variables: `${$}` stands for a dollar sign.
fn spelled(text: &str, literal: bool) -> String {
    if literal { text.replace("${", "${$}{") } else { text.to_owned() }
}
