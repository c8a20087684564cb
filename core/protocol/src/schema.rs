//! How the types read that are one text or number in JSON: for the published schemas of what the
//! programs print.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::{AccountId, Digest, ExperienceId, Note, OrganizationId, ProductId, SnapshotVersion};

/// A moment: `#[schemars(with = "DateTime")]` describes a field that is one.
#[derive(Debug)]
pub struct DateTime;

macro_rules! described {
    ($($name:ident => $schema:tt),+ $(,)?) => {$(
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )+};
}

described! {
    DateTime => {"type": "string", "format": "date-time", "description": "A moment in UTC, as RFC 3339 has it."},
    ExperienceId => {"type": "string", "description": "An experience: `exp-…`."},
    OrganizationId => {"type": "string", "description": "An AWS Organizations organization: `o-…`."},
    ProductId => {"type": "string", "description": "A product of AWS Marketplace."},
    AccountId => {"type": "string", "description": "An AWS account: 12 digits."},
    Note => {"type": "string", "description": "An administrator's note on a product."},
    Digest => {"type": "string", "description": "`sha256:` and 64 hexadecimal digits."},
    SnapshotVersion => {"type": "integer", "minimum": 1, "description": "The number of a snapshot: 1, 2, 3 …"},
}
