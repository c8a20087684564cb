//! One copy of each product id, however many policies name it: a hundred experiences list the same
//! products.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use pmp_protocol::{IdError, ProductId};

/// The product ids in use.
#[derive(Debug)]
pub(crate) struct Interner(Option<Mutex<Ids>>);

#[derive(Debug, Default)]
struct Ids {
    known: HashSet<ProductId>,
    /// Number of ids at which the ids that nothing else holds are removed.
    sweep_at: usize,
}

/// Fewer ids than this are not worth a sweep.
const SMALL: usize = 65_536;

impl Interner {
    /// One that makes a new copy of each id, for who reads one policy at a time and keeps none.
    pub(crate) fn of_copies() -> Self {
        Self(None)
    }

    /// One that keeps the ids in use.
    pub(crate) fn new() -> Self {
        Self(Some(Mutex::default()))
    }

    /// Takes these copies for the ones that are in use. One that keeps none does nothing.
    pub(crate) fn know<'i>(&self, copies: impl Iterator<Item = &'i ProductId>) {
        let Some(ids) = &self.0 else { return };
        ids.lock().unwrap_or_else(PoisonError::into_inner).known.extend(copies.cloned());
    }

    /// The product id `texts` spell, each the same copy as before.
    pub(crate) fn intern(&self, texts: &[impl AsRef<str>]) -> Result<Vec<ProductId>, IdError> {
        let mut found = Vec::with_capacity(texts.len());
        let texts = texts.iter().map(AsRef::as_ref);
        let Some(ids) = &self.0 else {
            for text in texts {
                found.push(ProductId::new(text)?);
            }
            return Ok(found);
        };
        let mut ids = ids.lock().unwrap_or_else(PoisonError::into_inner);
        for text in texts {
            found.push(match ids.known.get(text) {
                Some(id) => id.clone(),
                None => {
                    let id = ProductId::new(text)?;
                    ids.known.insert(id.clone());
                    id
                }
            });
        }
        if ids.known.len() >= ids.sweep_at.max(SMALL) {
            ids.known.retain(ProductId::is_shared);
            ids.sweep_at = ids.known.len() * 2;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_ids_share_one_copy_and_forgotten_ones_go() {
        let interner = Interner::new();
        let one = interner.intern(&["prod-a", "prod-b"]).unwrap();
        let two = interner.intern(&["prod-a"]).unwrap();
        assert_eq!(one[0].as_str().as_ptr(), two[0].as_str().as_ptr());
        assert!(interner.intern(&["two words"]).is_err());

        let known = [ProductId::new("prod-b").unwrap(), ProductId::new("prod-c").unwrap()];
        interner.know(known.iter());
        let three = interner.intern(&["prod-b", "prod-c"]).unwrap();
        assert_eq!(three[0].as_str().as_ptr(), one[1].as_str().as_ptr(), "that was there first");
        assert_eq!(three[1].as_str().as_ptr(), known[1].as_str().as_ptr());

        let many: Vec<_> = (0..SMALL).map(|n| format!("prod-{n}")).collect();
        drop(interner.intern(&many).unwrap());
        drop(interner.intern(&["prod-z"]).unwrap());
        let known = interner.0.as_ref().unwrap().lock().unwrap().known.len();
        assert!(known <= 4 + SMALL, "{known}");
    }

    #[test]
    fn copies_are_not_kept() {
        let interner = Interner::of_copies();
        let [one, two] = [(); 2].map(|()| interner.intern(&["prod-a"]).unwrap());
        assert_eq!(one, two);
        assert!(!one[0].is_shared());
        assert!(interner.intern(&["two words"]).is_err());
    }
}
