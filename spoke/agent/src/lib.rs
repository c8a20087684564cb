//! The spoke: takes snapshots, filters, plans, applies, acknowledges.
