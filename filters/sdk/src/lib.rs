//! For authors of filters.
