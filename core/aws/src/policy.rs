//! Reads the policy of a queue or a topic: whom it lets in. For telling an operator what is
//! missing, never for deciding what may be done; AWS decides that.
//!
//! Three answers, because a condition may be about something that is not known here: yes, no, and
//! unclear. Pure.

use std::str::Chars;

use serde_json::Value;

use crate::Arn;

/// A policy that is attached to a resource.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourcePolicy(Vec<Value>);

/// A text that is not a policy document.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The text is not JSON.
    #[error("{0}")]
    NotJson(#[from] serde_json::Error),
    /// The document says nothing: neither that someone is let in, nor that someone is not.
    #[error("it has no statement")]
    NoStatement,
}

pmp_protocol::codes!(PolicyError {
    NotJson => "E1310",
    NoStatement => "E1311",
});

pmp_protocol::without_hint!(PolicyError);

/// Who asks for something: a service for itself, or an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker<'a> {
    /// An AWS service: `sns.amazonaws.com`.
    Service(&'a str),
    /// An account, by its twelve digits.
    Account(&'a str),
}

/// What is asked, by whom, and of which resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// Who asks for it.
    pub asker: Asker<'a>,
    /// The IAM action that is asked for, such as `sqs:SendMessage`.
    pub action: &'a str,
    /// The resource that the policy is attached to.
    pub resource: &'a str,
    /// What a service acts for, `aws:SourceArn`.
    pub source: Option<&'a str>,
}

/// The policy's answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It lets it through.
    Yes,
    /// It does not let it through, or denies it.
    No,
    /// A condition decides that cannot be judged here. This is the condition's key.
    Unclear(String),
}

impl ResourcePolicy {
    /// Reads a policy document.
    ///
    /// # Errors
    /// Where it is not the JSON of a policy.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let document: Value = serde_json::from_str(text)?;
        match &document["Statement"] {
            Value::Array(statements) => Ok(Self(statements.clone())),
            one @ Value::Object(_) => Ok(Self(vec![one.clone()])),
            _ => Err(PolicyError::NoStatement),
        }
    }

    /// Whether it lets a request through. A statement that denies wins, as in IAM.
    #[must_use]
    pub fn admits(&self, request: &Request<'_>) -> Admission {
        let (denied, allowed) = (self.says("Deny", request), self.says("Allow", request));
        match (denied, allowed) {
            (Admission::Yes, _) | (_, Admission::No) => Admission::No,
            (unclear @ Admission::Unclear(_), _) => unclear,
            (Admission::No, allowed) => allowed,
        }
    }

    /// Whether a statement denies it, so that nothing that allows it helps.
    #[must_use]
    pub fn denies(&self, request: &Request<'_>) -> bool {
        self.says("Deny", request) == Admission::Yes
    }

    /// Whether a statement of this effect is about the request: yes if any is, unclear if any may
    /// be.
    fn says(&self, effect: &str, request: &Request<'_>) -> Admission {
        let statements = self.0.iter().filter(|statement| statement["Effect"] == effect);
        statements.map(|statement| is_about(statement, request)).fold(Admission::No, |so_far, this| {
            match (so_far, this) {
                (Admission::Yes, _) | (_, Admission::Yes) => Admission::Yes,
                (unclear @ Admission::Unclear(_), _) => unclear,
                (Admission::No, this) => this,
            }
        })
    }
}

fn is_about(statement: &Value, request: &Request<'_>) -> Admission {
    let matches = |field: &str, not: &str, wanted: &str| {
        let any = |field: &str| texts(&statement[field]).iter().any(|pattern| is_like(pattern, wanted));
        any(field) || (!statement[not].is_null() && !any(not))
    };
    if !matches("Action", "NotAction", &request.action.to_lowercase())
        || !matches("Resource", "NotResource", &request.resource.to_lowercase())
    {
        return Admission::No;
    }
    if !statement["NotPrincipal"].is_null() {
        return Admission::Unclear("NotPrincipal".to_owned());
    }
    match names(&statement["Principal"], request.asker) {
        Admission::No => Admission::No,
        principal => both(principal, conditions_hold(&statement["Condition"], request)),
    }
}

fn both(one: Admission, other: Admission) -> Admission {
    match (one, other) {
        (Admission::No, _) | (_, Admission::No) => Admission::No,
        (Admission::Yes, other) => other,
        (unclear, _) => unclear,
    }
}

fn names(principal: &Value, asker: Asker<'_>) -> Admission {
    let all = principal == "*" || texts(&principal["AWS"]).iter().any(|who| who == "*");
    let named = match asker {
        Asker::Service(service) => texts(&principal["Service"]).iter().any(|who| who == service || who == "*"),
        Asker::Account(account) => {
            let root = format!(":{account}:root");
            let accounts = texts(&principal["AWS"]);
            if accounts.iter().any(|who| who.contains(&format!("::{account}:")) && !who.ends_with(&root)) {
                return Admission::Unclear("a principal within the account".to_owned());
            }
            accounts.iter().any(|who| who == account || who.ends_with(&root))
        }
    };
    if all || named { Admission::Yes } else { Admission::No }
}

/// All conditions, each on all of its keys.
fn conditions_hold(conditions: &Value, request: &Request<'_>) -> Admission {
    let operators = conditions.as_object().into_iter().flatten();
    let tests = operators.flat_map(|(operator, keys)| {
        keys.as_object().into_iter().flatten().map(move |(key, values)| (operator, key, values))
    });
    tests.map(|(operator, key, values)| holds(operator, key, &texts(values), request)).fold(Admission::Yes, both)
}

fn holds(operator: &str, key: &str, values: &[String], request: &Request<'_>) -> Admission {
    let unclear = || Admission::Unclear(key.to_owned());
    let account_of = |arn: &str| arn.parse::<Arn>().map(|arn| arn.account().to_owned()).unwrap_or_default();
    let known = match (key.to_lowercase().as_str(), request.asker) {
        ("aws:sourcearn", _) => request.source.map(str::to_lowercase),
        ("aws:sourceaccount", _) => request.source.map(account_of),
        // The owner of what is asked for: the default policy of a topic lets in its own account by
        // it.
        ("aws:sourceowner" | "aws:principalaccount", Asker::Account(account)) => Some(account.to_owned()),
        ("aws:securetransport", _) => Some("true".to_owned()),
        _ => return unclear(),
    };
    let Some(known) = known else { return unclear() };
    let any = values.iter().any(|value| is_like(value, &known));
    let holds = match operator.trim_end_matches("IfExists") {
        "StringEquals" | "StringEqualsIgnoreCase" | "StringLike" | "ArnEquals" | "ArnLike" | "Bool" => any,
        "StringNotEquals" | "StringNotEqualsIgnoreCase" | "StringNotLike" | "ArnNotEquals" | "ArnNotLike" => !any,
        _ => return unclear(),
    };
    if holds { Admission::Yes } else { Admission::No }
}

/// One text or a list of them, in lower case: what is compared here either ignores case, or does
/// not differ by it.
fn texts(value: &Value) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.to_lowercase()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    };
    match value {
        Value::Array(list) => list.iter().filter_map(text).collect(),
        one => text(one).into_iter().collect(),
    }
}

/// Whether a pattern with `*` and `?` matches all of a text. It goes back to the last `*` alone,
/// because what an earlier one could take, that one can take as well. So a pattern of many stars,
/// which anybody may write who owns the policy, takes no longer than pattern times text.
fn is_like(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // What follows the last `*`, and the text from which on it was tried.
    let mut last: Option<(Chars<'_>, Chars<'_>)> = None;
    loop {
        let (mut after, mut rest) = (pattern.clone(), text.clone());
        match (after.next(), rest.next()) {
            (None, None) => return true,
            (Some('*'), _) => (last, pattern) = (Some((after.clone(), text.clone())), after),
            (Some(wanted), Some(first)) if wanted == '?' || wanted == first => (pattern, text) = (after, rest),
            // The last `*` takes one more, where there is one.
            _ => {
                let Some((behind, tried)) = &mut last else { return false };
                if tried.next().is_none() {
                    return false;
                }
                (pattern, text) = (behind.clone(), tried.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pmp_protocol::Coded as _;
    use serde_json::json;

    use super::*;

    const QUEUE: &str = "arn:aws:sqs:us-east-1:222222222222:pmp-sync-snapshots";
    const TOPIC: &str = "arn:aws:sns:us-east-1:111111111111:pmp-sync-snapshots";

    fn policy(statements: Value) -> ResourcePolicy {
        ResourcePolicy::parse(&json!({"Version": "2012-10-17", "Statement": statements}).to_string()).unwrap()
    }

    fn sends(topic: &str) -> Request<'_> {
        let asker = Asker::Service("sns.amazonaws.com");
        Request { asker, action: "sqs:SendMessage", resource: QUEUE, source: Some(topic) }
    }

    /// As IAM has it, by trying everything that a `*` may take.
    fn is_like_by_trying(pattern: &str, text: &str) -> bool {
        match (pattern.chars().next(), text.chars().next()) {
            (None, None) => true,
            (Some('*'), Some(first)) => {
                is_like_by_trying(&pattern[1..], text) || is_like_by_trying(pattern, &text[first.len_utf8()..])
            }
            (Some('*'), None) => is_like_by_trying(&pattern[1..], text),
            (Some(wanted), Some(first)) if wanted == '?' || wanted == first => {
                is_like_by_trying(&pattern[wanted.len_utf8()..], &text[first.len_utf8()..])
            }
            _ => false,
        }
    }

    #[test]
    fn every_short_pattern_matches_as_by_trying_everything() {
        let words = |signs: &[char]| {
            let mut all = vec![String::new()];
            for length in 0..5 {
                let longest: Vec<_> = all.iter().filter(|word| word.chars().count() == length).cloned().collect();
                all.extend(longest.iter().flat_map(|word| signs.iter().map(move |sign| format!("{word}{sign}"))));
            }
            all
        };
        let texts = words(&['a', 'ä']);
        for pattern in words(&['a', 'ä', '*', '?']) {
            for text in &texts {
                assert_eq!(is_like(&pattern, text), is_like_by_trying(&pattern, text), "{pattern} and {text}");
            }
        }
    }

    #[test]
    fn a_pattern_of_many_stars_is_judged_at_once() {
        let text = "a".repeat(2_000);
        for pattern in ["*".repeat(2_000) + "b", "*a".repeat(1_000) + "b", "a*".repeat(500) + "b*"] {
            assert!(!is_like(&pattern, &text), "{pattern}");
        }
    }

    fn let_in(condition: Value) -> Value {
        json!({"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
               "Resource": QUEUE, "Condition": condition})
    }

    #[test]
    fn the_topic_that_is_named_is_let_in_and_no_other() {
        let policy = policy(json!([let_in(json!({"ArnEquals": {"aws:SourceArn": TOPIC}}))]));
        assert_eq!(policy.admits(&sends(TOPIC)), Admission::Yes);
        assert_eq!(policy.admits(&sends("arn:aws:sns:us-east-1:111111111111:other")), Admission::No);
        assert_eq!(policy.admits(&Request { action: "sqs:DeleteMessage", ..sends(TOPIC) }), Admission::No);
        assert_eq!(policy.admits(&Request { resource: "arn:aws:sqs:us-east-1:2:q", ..sends(TOPIC) }), Admission::No);
        assert_eq!(policy.admits(&Request { asker: Asker::Account("1"), ..sends(TOPIC) }), Admission::No);
    }

    #[test]
    fn patterns_lists_and_the_case_of_keys_are_read_as_iam_does() {
        let like = json!({"ArnLike": {"AWS:SourceARN": ["arn:aws:s3:::x", "arn:aws:sns:*:111111111111:pmp-?ync-*"]},
                          "StringEquals": {"aws:SourceAccount": "111111111111"}});
        assert_eq!(policy(json!(let_in(like))).admits(&sends(TOPIC)), Admission::Yes);
        let anyone = json!({"Effect": "Allow", "Principal": "*", "Action": "SQS:*", "Resource": "*"});
        assert_eq!(policy(json!([anyone])).admits(&sends(TOPIC)), Admission::Yes);
    }

    #[test]
    fn a_denial_wins_where_it_applies() {
        let allowed = let_in(json!({"ArnEquals": {"aws:SourceArn": TOPIC}}));
        let deny = |condition: Value| json!({"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": QUEUE, "Condition": condition});
        let plain = deny(json!({"Bool": {"aws:SecureTransport": "false"}}));
        assert_eq!(policy(json!([allowed, plain])).admits(&sends(TOPIC)), Admission::Yes);
        let other = deny(json!({"ArnNotEquals": {"aws:SourceArn": "arn:aws:sns:us-east-1:1:x"}}));
        assert_eq!(policy(json!([allowed, other])).admits(&sends(TOPIC)), Admission::No);
        let vpc = deny(json!({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}));
        assert_eq!(policy(json!([allowed, vpc])).admits(&sends(TOPIC)), Admission::Unclear("aws:SourceVpce".into()));
    }

    #[test]
    fn accounts_are_let_in_by_id_by_root_and_by_the_owners_default() {
        let publishes =
            |account| Request { asker: Asker::Account(account), action: "sns:Publish", resource: TOPIC, source: None };
        let by = |principal: Value, condition: Value| {
            policy(json!([{"Effect": "Allow", "Principal": principal, "Action": ["SNS:Publish", "SNS:Subscribe"],
                           "Resource": TOPIC, "Condition": condition}]))
        };
        let root = by(json!({"AWS": "arn:aws:iam::222222222222:root"}), json!({}));
        assert_eq!(root.admits(&publishes("222222222222")), Admission::Yes);
        assert_eq!(root.admits(&publishes("333333333333")), Admission::No);
        let role = by(json!({"AWS": "arn:aws:iam::222222222222:role/hub"}), json!({}));
        assert!(matches!(role.admits(&publishes("222222222222")), Admission::Unclear(_)));
        let owner = by(json!({"AWS": "*"}), json!({"StringEquals": {"AWS:SourceOwner": "111111111111"}}));
        assert_eq!(owner.admits(&publishes("111111111111")), Admission::Yes);
        assert_eq!(owner.admits(&publishes("222222222222")), Admission::No);
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        assert_eq!(ResourcePolicy::parse("").unwrap_err().code().to_string(), "E1310");
        assert_eq!(ResourcePolicy::parse("{}").unwrap_err().code().to_string(), "E1311");
    }
}
