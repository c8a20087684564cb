//! The hub's two DynamoDB tables: ports and the SDK adapter.
