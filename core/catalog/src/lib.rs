//! The Marketplace Catalog as this system sees it: a port, the SDK adapter, rate limits, error classes.
