//! Removes ids from a text, and always replaces the same id by the same name, so that the text can
//! be shown to anyone.
//!
//! Ids from fields of their own are known, with their kind. In free text, such as the message of a
//! refusal, every word that looks like an id, an ARN or an account number is replaced. It may
//! replace a word too many, because an id too many would be worse.

use std::collections::BTreeMap;

/// The kind of thing that an id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Experience,
    Policy,
    Product,
    ChangeSet,
    Account,
    Organization,
    Arn,
    /// Any other word that looks like an id.
    Id,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Experience => "experience",
            Self::Policy => "policy",
            Self::Product => "product",
            Self::ChangeSet => "change-set",
            Self::Account => "account",
            Self::Organization => "organization",
            Self::Arn => "arn",
            Self::Id => "id",
        }
    }
}

/// The known ids, each with the name that replaces it: `experience-1`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Masks {
    known: BTreeMap<String, String>,
    counts: BTreeMap<Kind, usize>,
}

/// A word of at least this many characters with letters and digits counts as an id.
const LONG: usize = 12;

impl Masks {
    /// Makes an id known.
    pub(crate) fn know(&mut self, kind: Kind, id: &str) {
        self.of(kind, id);
    }

    /// The name that replaces an id.
    fn of(&mut self, kind: Kind, id: &str) -> String {
        if let Some(mask) = self.known.get(id) {
            return mask.clone();
        }
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        let mask = format!("{}-{count}", kind.as_str());
        self.known.insert(id.to_owned(), mask.clone());
        mask
    }

    /// The text without ids.
    pub(crate) fn mask(&mut self, text: &str) -> String {
        let mut masked = String::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            let end = |inside: fn(char) -> bool| rest.find(|c| !inside(c)).unwrap_or(rest.len());
            let (word, mask) = if rest.starts_with("arn:") {
                let arn = rest[..end(of_an_arn)].trim_end_matches(['.', ',', ':', ';']);
                (arn, Some(self.of(Kind::Arn, arn)))
            } else {
                let word = &rest[..end(of_a_word)];
                (word, self.of_word(word))
            };
            // Characters outside of words are copied one by one.
            let length = if word.is_empty() { rest.chars().next().map_or(1, char::len_utf8) } else { word.len() };
            masked.push_str(mask.as_deref().unwrap_or(&rest[..length]));
            rest = &rest[length..];
        }
        masked
    }

    /// The replacement for a word. `None` if it is no id.
    fn of_word(&mut self, word: &str) -> Option<String> {
        if let Some(mask) = self.known.get(word) {
            return Some(mask.clone());
        }
        let has = |what: fn(&char) -> bool| word.chars().any(|c| what(&c));
        let (digits, letters) = (has(char::is_ascii_digit), has(char::is_ascii_alphabetic));
        let kind = if word.len() == 12 && !letters && digits {
            Kind::Account
        } else if word.starts_with("exp-") {
            Kind::Experience
        } else if word.starts_with("policy-") || word.starts_with("procpolicy-") {
            Kind::Policy
        } else if word.starts_with("prod-") || word.starts_with("prodview-") {
            Kind::Product
        } else if word.starts_with("o-") && word.len() >= LONG {
            Kind::Organization
        } else if word.len() >= LONG && digits && letters {
            Kind::Id
        } else {
            return None;
        };
        Some(self.of(kind, word))
    }
}

fn of_a_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// Whether an ARN may hold this character: names of roles, sessions and resources may hold most
/// characters but spaces.
fn of_an_arn(c: char) -> bool {
    !c.is_whitespace() && !matches!(c, '"' | '\'' | '`' | '(' | ')' | '<' | '>')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_always_shown_by_the_same_name_and_words_are_left() {
        let mut masks = Masks::default();
        masks.know(Kind::Experience, "exp-1234567890abc");
        masks.know(Kind::Product, "b7f7d1c6-2a4e-4a1e-9c0e-000000000001");
        for (text, masked) in [
            (
                "Entity exp-1234567890abc@6 is stale, exp-1234567890abc@7 is not.",
                "Entity experience-1@6 is stale, experience-1@7 is not.",
            ),
            ("`exp-other` and `prod-x`", "`experience-2` and `product-2`"),
            ("b7f7d1c6-2a4e-4a1e-9c0e-000000000001 again", "product-1 again"),
            (
                "User: arn:aws:sts::111111111111:assumed-role/Admin/ada@example.com may not call aws-marketplace:StartChangeSet",
                "User: arn-1 may not call aws-marketplace:StartChangeSet",
            ),
            ("on arn:aws:iam::222222222222:role/X, (arn:aws:iam::222222222222:role/X).", "on arn-2, (arn-2)."),
            (
                "Account 111111111111 of o-a1b2c3d4e5 has 250 open change sets",
                "Account account-1 of organization-1 has 250 open change sets",
            ),
            ("change set 1cc2oyxd3jz4d9efwqv4tw8bm", "change set id-1"),
            (
                "`ProcurementPolicies` is null, in größter Ordnung: 12 s",
                "`ProcurementPolicies` is null, in größter Ordnung: 12 s",
            ),
            ("known_tokens ServiceQuotaExceededException", "known_tokens ServiceQuotaExceededException"),
        ] {
            assert_eq!(masks.mask(text), masked);
        }
    }
}
