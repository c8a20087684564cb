//! What messages of many organizations have in common: the same sentence about other ids, numbers
//! and times is one cause. Pure.

/// A part of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<'a> {
    /// Words, and what stands between them.
    Text(&'a str),
    /// A number of digits: it may differ between messages with one cause.
    Number(&'a str),
    /// An age as [`pmp_protocol::age`] words it: `5m`, `26h`, `3d`.
    Age(&'a str),
    /// An id, a digest, a time: what tells one thing from another.
    Name(&'a str),
}

impl<'a> Part<'a> {
    fn of(word: &'a str) -> Self {
        const PREFIXES: [&str; 6] = ["o-", "exp-", "prod-", "prodview-", "policy-", "only-"];
        // An account: no number of anything.
        const ACCOUNT: usize = 12;
        let digits = word.bytes().take_while(u8::is_ascii_digit).count();
        let named = PREFIXES.iter().any(|prefix| word.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty()));
        match &word[digits..] {
            "" if digits == ACCOUNT => Self::Name(word),
            "" if digits > 0 => Self::Number(word),
            "s" | "m" | "h" | "d" if digits > 0 => Self::Age(word),
            _ if named || word.bytes().any(|byte| byte.is_ascii_digit()) => Self::Name(word),
            _ => Self::Text(word),
        }
    }

    fn text(self) -> &'a str {
        match self {
            Self::Text(text) | Self::Number(text) | Self::Age(text) | Self::Name(text) => text,
        }
    }

    /// How long an age is, in seconds, or how much a number is; none where that is more than
    /// anything is.
    fn amount(self) -> Option<u64> {
        match self {
            Self::Number(number) => number.parse().ok(),
            Self::Age(age) => {
                let (number, unit) = age.split_at(age.len() - 1);
                let seconds = match unit {
                    "s" => 1,
                    "m" => 60,
                    "h" => 3_600,
                    _ => 86_400,
                };
                number.parse::<u64>().ok()?.checked_mul(seconds)
            }
            Self::Text(_) | Self::Name(_) => None,
        }
    }
}

fn is_of_a_word(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || c == '_'
}

fn parts(message: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let in_word = is_of_a_word(first);
        let end = rest.find(|c| is_of_a_word(c) != in_word).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        rest = after;
        Some(if in_word { Part::of(part) } else { Part::Text(part) })
    })
}

/// What two messages with one cause share: the message without what may differ.
pub(crate) fn key(message: &str) -> String {
    parts(message)
        .map(|part| match part {
            Part::Text(text) => text,
            Part::Number(_) => "\u{1}",
            Part::Age(_) => "\u{2}",
            Part::Name(_) => "\u{3}",
        })
        .collect()
}

/// One sentence for messages that have the same [`key`]: what differs is a range where it is a
/// number, and left out where it is a name.
pub(crate) fn common<'a>(messages: impl IntoIterator<Item = &'a str>) -> String {
    let mut messages = messages.into_iter();
    let Some(first) = messages.next() else { return String::new() };
    let mut spread: Vec<(Part<'_>, Part<'_>, bool)> = parts(first).map(|part| (part, part, false)).collect();
    for message in messages.filter(|message| *message != first) {
        for ((least, most, differs), part) in spread.iter_mut().zip(parts(message)) {
            *differs |= *least != part;
            if part.amount() < least.amount() {
                *least = part;
            }
            if part.amount() > most.amount() {
                *most = part;
            }
        }
    }
    spread
        .into_iter()
        .map(|(least, most, differs)| match (differs, least.amount(), most.amount()) {
            (false, ..) => least.text().to_owned(),
            (true, Some(_), Some(_)) if least.text() != most.text() => format!("{}–{}", least.text(), most.text()),
            (true, ..) => "…".to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_about_other_ids_numbers_and_times_is_one_cause() {
        let same = [
            "it would remove 2 of 3 approved products (66%, limit 50%)",
            "it would remove 212 of 300 approved products (71%, limit 50%)",
        ];
        assert_eq!(key(same[0]), key(same[1]));
        assert_eq!(common(same), "it would remove 2–212 of 3–300 approved products (66–71%, limit 50%)");
        let ages = ["silent for 5d", "silent for 26h", "silent for 3d"];
        assert!(ages.iter().all(|age| key(age) == key(ages[0])));
        assert_eq!(common(ages), "silent for 26h–5d");
        let roles =
            ["cannot assume arn:aws:iam::111111111111:role/x", "cannot assume arn:aws:iam::222222222222:role/x"];
        assert_eq!(
            (key(roles[0]) == key(roles[1]), common(roles).as_str()),
            (true, "cannot assume arn:aws:iam::…:role/x")
        );
        let digests =
            ["exp-a1: digest 9f3c1a7e at 2026-11-24T12:00:00Z", "exp-b: digest 0a207a87 at 2026-11-25T13:07:01Z"];
        assert_eq!(key(digests[0]), key(digests[1]));
        assert_eq!(common(["no"]), "no");
        assert_eq!(common([]), "");
    }

    #[test]
    fn another_sentence_is_another_cause() {
        assert_ne!(key("the experience is disabled"), key("the experience is archived"));
        assert_ne!(key("silent for 5d"), key("silent for 5"));
        assert_ne!(key("filter `no-genai` failed"), key("filter `eu-only` failed"));
    }

    #[test]
    fn any_text_has_a_cause_and_numbers_that_are_too_large_are_left_out() {
        for text in ["", "日本語 12 x", "\u{1b}[2J", "99999999999999999999999 s", "99999999999999999999d"] {
            assert_eq!(common([text, text]), text);
        }
        assert_eq!(common(["99999999999999999999999 s", "1 s"]), "… s");
    }
}
