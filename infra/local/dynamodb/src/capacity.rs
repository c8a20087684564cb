//! Capacity units: what a request costs, as DynamoDB counts it.

use crate::answer::{Capacity, Units};
use crate::error::Error;
use crate::request::TableName;

/// The bytes of one read unit.
const READ: usize = 4 * 1024;
/// The bytes of one write unit.
const WRITE: usize = 1024;

/// How a request wants to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    Nothing,
    Total,
    ByIndex,
}

impl Told {
    pub(crate) fn of(asked: Option<&str>) -> Result<Self, Error> {
        match asked {
            None | Some("NONE") => Ok(Self::Nothing),
            Some("TOTAL") => Ok(Self::Total),
            Some("INDEXES") => Ok(Self::ByIndex),
            Some(other) => Err(Error::constraint(
                format!("'{other}'"),
                "returnConsumedCapacity",
                "Member must satisfy enum value set: [INDEXES, TOTAL, NONE]",
            )),
        }
    }

    pub(crate) fn units(self, table: &TableName, units: f64) -> Option<Capacity> {
        let table_name = table.clone();
        let table = (self == Self::ByIndex).then_some(Units { capacity_units: units });
        let (read_capacity_units, write_capacity_units) = (None, None);
        let told = Capacity { table_name, capacity_units: units, read_capacity_units, write_capacity_units, table };
        (self != Self::Nothing).then_some(told)
    }
}

fn blocks(bytes: usize, block: usize) -> f64 {
    f64::from(u32::try_from(bytes.div_ceil(block).max(1)).unwrap_or(u32::MAX))
}

/// The units of a read of so many bytes. An eventually consistent one takes half.
pub(crate) fn read_units(bytes: usize, consistent: bool) -> f64 {
    blocks(bytes, READ) * if consistent { 1.0 } else { 0.5 }
}

/// The units of a write of an item of so many bytes.
pub(crate) fn write_units(bytes: usize) -> f64 {
    blocks(bytes, WRITE)
}
