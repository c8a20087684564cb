//! Whether a text is the ARN of a topic or of a role, so that a mistyped one is named before AWS is
//! called.

pub(super) fn is_topic_arn(text: &str) -> bool {
    matches!(text.splitn(6, ':').collect::<Vec<_>>().as_slice(),
        ["arn", _, "sns", region, account, name]
            if pmp_aws::is_region(region) && is_account(account) && is_name(name))
}

/// A role is of an account, and IAM of no region.
pub(super) fn is_role_arn(text: &str) -> bool {
    matches!(text.splitn(6, ':').collect::<Vec<_>>().as_slice(),
        ["arn", _, "iam", "", account, resource]
            if is_account(account) && resource.strip_prefix("role/").is_some_and(is_name))
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|digit| digit.is_ascii_digit())
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|letter| letter.is_ascii_graphic()) && !text.ends_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_one_of_an_account() {
        for good in ["arn:aws:iam::111111111111:role/member", "arn:aws-cn:iam::111111111111:role/of/a/path/member-1"] {
            assert!(is_role_arn(good), "{good}");
        }
        for bad in [
            "arn:aws:iam::111111111111:user/member",
            "arn:aws:iam::11111111111:role/member",
            "arn:aws:iam:us-east-1:111111111111:role/member",
            "arn:aws:iam::111111111111:role/",
            "arn:aws:iam::111111111111:role/two words",
            "arn:aws:sts::111111111111:assumed-role/member/session",
            "arn:aws:iam::111111111111:role",
            "member",
        ] {
            assert!(!is_role_arn(bad), "{bad}");
        }
    }

    #[test]
    fn a_topic_is_one_of_a_region_and_an_account() {
        assert!(is_topic_arn("arn:aws:sns:us-east-1:111111111111:snapshots"));
        for bad in [
            "arn:aws:sns:us-east-1:11111111111:snapshots",
            "arn:aws:sns::111111111111:snapshots",
            "arn:aws:sns:us-east-1:111111111111:",
            "arn:aws:sqs:us-east-1:111111111111:snapshots",
        ] {
            assert!(!is_topic_arn(bad), "{bad}");
        }
    }
}
