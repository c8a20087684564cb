//! Products by name: what the hub looked up of them stands beside their ids wherever it is known.

use std::collections::BTreeSet;

use aws_config::SdkConfig;
use jiff::Timestamp;
use pmp_ledger::{AnswerStore, DynamoAnswers, TableName};
use pmp_protocol::{Answers, ExperienceId, NamedProduct, ProductAttributes, ProductId, alike};

/// The most products that may have been meant.
const MAX_MEANT: usize = 3;

/// What is known of products, and since when; since never where nothing is.
#[derive(Debug, Clone)]
pub(crate) struct Names(Answers, Option<Timestamp>);

/// What a person may have meant by a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meant {
    /// This product: by its id, or by the only name like that.
    Product(ProductId),
    /// No product of that id is known: it may be one of these.
    Unknown(ProductId, Vec<ProductId>),
    /// It is no id, and not the name of one product: it may be one of these.
    None(Vec<ProductId>),
}

impl Names {
    /// What the hub looked up; nothing where it did not, or where that cannot be read: names are a
    /// help, and no more.
    pub(crate) async fn read(sdk: &SdkConfig, table: &TableName, experience: &ExperienceId) -> Self {
        let found = DynamoAnswers::new(sdk, table.clone()).newest(experience).await.ok().flatten();
        found.map_or_else(
            || Self(Answers::none(experience.clone()), None),
            |(head, answers)| Self(answers, Some(head.at)),
        )
    }

    /// All answers, and when they were written down. `None` where there are none.
    pub(crate) fn answers(&self) -> Option<(Answers, Timestamp)> {
        Some((self.0.clone(), self.1?))
    }

    /// Nothing is known of any product.
    #[cfg(test)]
    pub(crate) fn none(experience: ExperienceId) -> Self {
        Self(Answers::none(experience), None)
    }

    fn attributes(&self, product: &ProductId) -> Option<&ProductAttributes> {
        self.0.attributes(product)
    }

    /// The product with what is known of it.
    pub(crate) fn of(&self, product: &ProductId) -> NamedProduct {
        self.0.named(product)
    }

    /// Those of `products` of which anything is known, each once.
    pub(crate) fn of_known<'a>(&self, products: impl Iterator<Item = &'a ProductId>) -> Vec<NamedProduct> {
        self.0.named_of(products)
    }

    /// What is meant by `text`: an id among `listed` or looked up, or a name.
    pub(crate) fn meant<'a>(&'a self, text: &str, listed: impl Iterator<Item = &'a ProductId>) -> Meant {
        let listed: BTreeSet<&ProductId> = listed.chain(self.0.products.keys()).collect();
        let id = ProductId::new(text).ok();
        if let Some(known) = id.as_ref().filter(|id| listed.contains(id)) {
            return Meant::Product(known.clone());
        }
        let wanted = text.trim().to_lowercase();
        let named = |matches: &dyn Fn(&str) -> bool| -> Vec<ProductId> {
            let name =
                |id: &ProductId| self.attributes(id).and_then(|known| known.name.as_deref()).map(str::to_lowercase);
            let found = listed.iter().filter(|id| name(id).is_some_and(|name| matches(&name)));
            found.map(|id| (*id).clone()).collect()
        };
        let mut like = named(&|name| name.trim() == wanted);
        if let [only] = &like[..] {
            return Meant::Product(only.clone());
        }
        if like.is_empty() && wanted.chars().count() >= 3 {
            like = named(&|name| name.contains(&wanted));
        }
        like.extend(alike(text.trim(), listed.iter().copied()).into_iter().cloned());
        like.truncate(MAX_MEANT);
        match id {
            Some(id) => Meant::Unknown(id, like),
            None => Meant::None(like),
        }
    }

    /// "did you mean …?", where something was.
    pub(crate) fn question(&self, meant: &[ProductId]) -> Option<String> {
        let labels: Vec<_> = meant.iter().map(|id| self.of(id).label()).collect();
        (!labels.is_empty()).then(|| format!("did you mean {}?", labels.join(", or ")))
    }
}

#[cfg(test)]
mod tests {
    use pmp_protocol::Answer;

    use super::*;

    fn id(id: &str) -> ProductId {
        ProductId::new(id).unwrap()
    }

    fn names() -> Names {
        let named = |name: &str, vendor: &str| Answer {
            at: jiff::Timestamp::UNIX_EPOCH,
            attributes: Some(ProductAttributes {
                name: Some(name.to_owned()),
                manufacturer: Some(vendor.to_owned()),
                ..ProductAttributes::default()
            }),
        };
        let products = [
            (id("prod-scanner"), named("Port Scanner", "Example Security")),
            (id("prod-hostile"), named("Port\u{1b}[2J Knocker", "Example\nSecurity")),
        ];
        Names(Answers { products: products.into(), ..Answers::none(ExperienceId::new("exp-1").unwrap()) }, None)
    }

    #[test]
    fn a_product_is_known_by_its_id_by_its_name_and_by_what_looks_like_them() {
        let (names, listed) = (names(), [id("prod-abcdef123"), id("prod-zzz")]);
        let meant = |text: &str| names.meant(text, listed.iter());
        assert_eq!(meant("prod-zzz"), Meant::Product(id("prod-zzz")));
        assert_eq!(meant("port scanner"), Meant::Product(id("prod-scanner")));
        assert_eq!(meant("prod-abcdef132"), Meant::Unknown(id("prod-abcdef132"), vec![id("prod-abcdef123")]));
        assert_eq!(meant("port s"), Meant::None(vec![id("prod-scanner")]));
        assert_eq!(meant("nothing like it at all"), Meant::None(Vec::new()));
        assert_eq!(
            names.question(&[id("prod-scanner")]).unwrap(),
            "did you mean Port Scanner · Example Security (prod-scanner)?"
        );
        let hostile = names.of(&id("prod-hostile")).label();
        assert_eq!(hostile, "Port\u{fffd}[2J Knocker · Example Security (prod-hostile)");
        assert_eq!(names.of(&id("prod-zzz")).label(), "prod-zzz");
    }
}
