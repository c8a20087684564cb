//! How every AWS client of this system is made, and how its errors read.
