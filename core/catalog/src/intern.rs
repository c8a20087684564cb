//! One copy of each product id, however many policies name it: a hundred experiences list the same
//! products.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use pmp_protocol::{IdError, ProductId};

/// The product ids in use.
#[derive(Debug, Default)]
pub(crate) struct Interner(Mutex<Ids>);

#[derive(Debug, Default)]
struct Ids {
    known: HashSet<ProductId>,
    /// Number of ids at which the ids that nothing else holds are removed.
    sweep_at: usize,
}

/// Fewer ids than this are not worth a sweep.
const SMALL: usize = 65_536;

impl Interner {
    /// The product id `texts` spell, each the same copy as before.
    pub(crate) fn intern<'t>(&self, texts: impl Iterator<Item = &'t str>) -> Result<Vec<ProductId>, IdError> {
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = texts
            .map(|text| match ids.known.get(text) {
                Some(id) => Ok(id.clone()),
                None => {
                    let id = ProductId::new(text)?;
                    ids.known.insert(id.clone());
                    Ok(id)
                }
            })
            .collect();
        if ids.known.len() >= ids.sweep_at.max(SMALL) {
            ids.known.retain(ProductId::is_shared);
            ids.sweep_at = ids.known.len() * 2;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_ids_share_one_copy_and_forgotten_ones_go() {
        let interner = Interner::default();
        let one = interner.intern(["prod-a", "prod-b"].into_iter()).unwrap();
        let two = interner.intern(["prod-a"].into_iter()).unwrap();
        assert_eq!(one[0].as_str().as_ptr(), two[0].as_str().as_ptr());
        assert!(interner.intern(["two words"].into_iter()).is_err());

        let many: Vec<_> = (0..SMALL).map(|n| format!("prod-{n}")).collect();
        drop(interner.intern(many.iter().map(String::as_str)).unwrap());
        drop(interner.intern(["prod-z"].into_iter()).unwrap());
        let known = interner.0.lock().unwrap().known.len();
        assert!(known <= 3 + SMALL, "{known}");
    }
}
