//! The code of an error: what a person looks up in docs/errors, or with `explain`.

use std::error::Error;
use std::fmt;

/// `E` and four digits. The first two say which part of the system it comes from. A code keeps its
/// meaning for ever: people write it into tickets, and search for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(&'static str);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl From<&'static str> for Code {
    fn from(code: &'static str) -> Self {
        Self(code)
    }
}

/// An error that wraps another has the code of that one: it says most about what to do.
impl<E: Coded> From<&E> for Code {
    fn from(error: &E) -> Self {
        error.code()
    }
}

/// An error of this system. [`codes!`](crate::codes) implements it.
pub trait Coded: Error {
    /// The code of this error, or of the error of this system that it wraps.
    fn code(&self) -> Code;
}

impl<E: Coded> Coded for Box<E> {
    fn code(&self) -> Code {
        self.as_ref().code()
    }
}

/// Gives each variant of an error a code. A variant that is missing does not compile.
///
/// ```
/// #[derive(Debug, thiserror::Error)]
/// enum Inner {
///     #[error("it is damaged")]
///     Damaged,
/// }
/// #[derive(Debug, thiserror::Error)]
/// enum Outer {
///     #[error("cannot read `{name}`")]
///     Read { name: String, source: Inner },
///     #[error(transparent)]
///     Other(#[from] Inner),
///     #[error("there is none of {0}")]
///     None(String),
/// }
/// pmp_protocol::codes!(Inner { Damaged => "E9901" });
/// pmp_protocol::codes!(Outer {
///     Read { source } => source,
///     Other(source) => source,
///     None => "E9902",
/// });
///
/// use pmp_protocol::Coded;
/// let read = Outer::Read { name: "it".to_owned(), source: Inner::Damaged };
/// assert_eq!(read.code().to_string(), "E9901");
/// assert_eq!(Outer::None("it".to_owned()).code().to_string(), "E9902");
/// ```
///
/// An error without variants has one: `codes!(NameError => "E9903")`.
#[macro_export]
macro_rules! codes {
    ($error:ty { $($(#[$when:meta])* $variant:ident $(($inner:ident))? $({ $field:ident })? => $code:expr),+ $(,)? }) => {
        impl $crate::Coded for $error {
            fn code(&self) -> $crate::Code {
                match self {
                    $($(#[$when])* $crate::of_variant!($variant $(($inner))? $({ $field })?) => $code.into()),+
                }
            }
        }
    };
    ($error:ty => $code:expr) => {
        impl $crate::Coded for $error {
            fn code(&self) -> $crate::Code {
                $code.into()
            }
        }
    };
}

/// The pattern of a variant: with what it wraps, or with nothing of it.
#[doc(hidden)]
#[macro_export]
macro_rules! of_variant {
    ($variant:ident ($inner:ident)) => {
        Self::$variant($inner)
    };
    ($variant:ident { $field:ident }) => {
        Self::$variant { $field, .. }
    };
    ($variant:ident) => {
        Self::$variant { .. }
    };
}
