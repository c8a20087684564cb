//! Numbers of products that a spoke writes: each is at most that of a snapshot, so that no sum of
//! them overflows, whatever a member says.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::MAX_PRODUCTS;

/// Reads a number of products.
///
/// # Errors
/// Where no snapshot has as many products: whoever wrote it does not tell the truth, or is broken.
pub(crate) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    // Protocol R16.
    let number = u64::deserialize(deserializer)?;
    let within = usize::try_from(number).ok().filter(|number| *number <= MAX_PRODUCTS);
    within.ok_or_else(|| D::Error::custom(format!("{number} is more than the {MAX_PRODUCTS} products of any snapshot")))
}

/// Writes a number of products, and the largest in the place of a larger one: passes add theirs up.
pub(crate) fn write<S: Serializer>(number: &usize, serializer: S) -> Result<S::Ok, S::Error> {
    // Protocol R16.
    (*number).min(MAX_PRODUCTS).serialize(serializer)
}

/// The sum of numbers that come from outside. It stops at the largest number there is.
#[must_use]
pub fn total(numbers: impl IntoIterator<Item = usize>) -> usize {
    numbers.into_iter().fold(0, usize::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WouldChange;

    #[test]
    fn a_number_of_products_is_none_that_no_snapshot_has() {
        // Protocol R16.
        let read = |deny: &str| serde_json::from_str::<WouldChange>(&format!(r#"{{"allow":0,"deny":{deny}}}"#));
        assert_eq!(read("1000000").unwrap().deny, MAX_PRODUCTS);
        for deny in ["1000001", "18446744073709551615"] {
            let problem = read(deny).unwrap_err().to_string();
            assert!(
                problem.starts_with(&format!("{deny} is more than the 1000000 products of any snapshot")),
                "{problem}"
            );
        }
        assert!(read("-1").is_err() && read("1.5").is_err());
        let written = serde_json::to_string(&WouldChange { allow: usize::MAX, deny: 3, settings: false }).unwrap();
        assert_eq!(written, r#"{"allow":1000000,"deny":3}"#);
        assert_eq!(total([usize::MAX, 1, 2]), usize::MAX);
    }
}
