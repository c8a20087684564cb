//! Splits content that is larger than one item, and joins it again.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::item::{Item, ItemError, parse};

/// Bytes of content per item: below the 400 KB (409,600 bytes) of an item, with room for the other
/// attributes.
pub(crate) const CHUNK_BYTES: usize = 390_000;

/// Joins `chunks` items in the order of their keys.
///
/// # Errors
/// If an item is missing, repeated or out of place.
pub(crate) fn join(chunks: usize, items: Vec<Item>) -> Result<Vec<u8>, ItemError> {
    // Protocol L5.
    if items.len() != chunks {
        return Err(ItemError::Chunks { found: items.len(), expected: chunks });
    }
    let mut content = Vec::new();
    for (index, mut item) in items.into_iter().enumerate() {
        let expected = index + 1;
        if parse::<usize>(&item, "chunk")? != expected {
            return Err(ItemError::MissingChunk(expected));
        }
        match item.remove("content") {
            Some(AttributeValue::B(bytes)) => content.extend(bytes.into_inner()),
            _ => return Err(ItemError::EmptyChunk(expected)),
        }
    }
    Ok(content)
}
