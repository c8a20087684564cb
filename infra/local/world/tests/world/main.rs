//! The world file, read and described. Here and not beside the code: to read it in three formats is
//! much to compile, and the library has it compiled already.
#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod example;
mod load;
mod schema;
