//! What the visitor wants to see: from the page's query, and back into links.

use serde::Deserialize;

/// The query of the page. A value that is not understood counts as absent.
#[derive(Debug, Clone, Default, Deserialize, PartialEq, Eq)]
pub(super) struct Asked {
    /// The experience whose products are listed. Without it, the first experience with a policy.
    pub(super) experience: Option<String>,
    /// The search text for products: part of an id, of a name or of a manufacturer.
    #[serde(default)]
    pub(super) q: String,
    /// Which products are listed: `approved`, `rejected`, `unlisted`, `moving`; all for any other
    /// value.
    #[serde(default)]
    pub(super) list: String,
    /// The number of the products' page, from 1.
    #[serde(default)]
    pub(super) page: String,
    /// The search text for organizations: part of an organization's name or id, of an account or of
    /// an experience.
    #[serde(default)]
    pub(super) org: String,
    /// `yes`: only organizations with an experience that is not in step.
    #[serde(default)]
    pub(super) differs: String,
    /// The change set that the last click has started. The page reports it.
    pub(super) started: Option<String>,
}

/// Which products are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    All,
    Approved,
    Rejected,
    Unlisted,
    Moving,
}

impl Shown {
    /// All values, with the name in the query and the name for people.
    pub(super) const EACH: [(Self, &'static str, &'static str); 5] = [
        (Self::All, "", "All products"),
        (Self::Moving, "moving", "Changing now"),
        (Self::Approved, "approved", "Approved"),
        (Self::Rejected, "rejected", "Rejected"),
        (Self::Unlisted, "unlisted", "On no list"),
    ];
}

impl Asked {
    pub(super) fn shown(&self) -> Shown {
        Shown::EACH.iter().find(|(_, name, _)| *name == self.list).map_or(Shown::All, |(shown, ..)| *shown)
    }

    pub(super) fn page(&self) -> usize {
        self.page.parse().unwrap_or(1).max(1)
    }

    /// The search text for organizations in lower case; empty if all are shown.
    pub(super) fn sought(&self) -> String {
        self.org.trim().to_lowercase()
    }

    /// Whether only some organizations are shown.
    pub(super) fn narrows(&self) -> bool {
        !self.sought().is_empty() || self.only_differing()
    }

    pub(super) fn only_differing(&self) -> bool {
        self.differs == "yes"
    }

    pub(super) fn at_page(&self, page: usize) -> Self {
        Self { page: if page > 1 { page.to_string() } else { String::new() }, started: None, ..self.clone() }
    }

    /// The path and query of the page that shows this.
    pub(super) fn link(&self) -> String {
        let fields = [
            ("experience", self.experience.as_deref().unwrap_or_default()),
            ("q", &self.q),
            ("list", &self.list),
            ("page", &self.page),
            ("org", &self.org),
            ("differs", &self.differs),
            ("started", self.started.as_deref().unwrap_or_default()),
        ];
        let given = fields.iter().filter(|(_, value)| !value.is_empty());
        let query: Vec<_> = given.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        if query.is_empty() { "/".into() } else { format!("/?{}", query.join("&")) }
    }
}

/// Percent-encodes everything except RFC 3986's unreserved characters.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use axum::extract::Query;

    use super::*;

    #[test]
    fn a_link_leads_back_to_what_was_asked() {
        let asked = Asked {
            experience: Some("exp-a".into()),
            q: "a & b=ü?".into(),
            list: "moving".into(),
            page: "3".into(),
            org: "Borealis & Söhne".into(),
            differs: "yes".into(),
            started: None,
        };
        let link = asked.link();
        let Query(back) = Query::<Asked>::try_from_uri(&link.parse().unwrap()).unwrap();
        assert_eq!(back, asked);
        assert_eq!((back.shown(), back.page()), (Shown::Moving, 3));
        assert_eq!(Asked::default().link(), "/");
    }

    #[test]
    fn nonsense_is_not_an_error() {
        let Query(asked) = Query::<Asked>::try_from_uri(&"/?page=x&list=y&more=z".parse().unwrap()).unwrap();
        assert_eq!((asked.shown(), asked.page()), (Shown::All, 1));
    }
}
