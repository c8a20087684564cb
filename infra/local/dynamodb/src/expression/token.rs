//! Cuts an expression into tokens.

use super::Kind;
use crate::error::Error;

/// The longest expression, in bytes.
const LONGEST: usize = 4096;

/// A piece of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A name or a keyword.
    Word(&'a str),
    /// A placeholder for a name, with its `#`.
    Name(&'a str),
    /// A placeholder for a value, with its `:`.
    Value(&'a str),
    /// The digits of an index.
    Digits(&'a str),
    /// An operator or a bracket.
    Symbol(&'a str),
    End,
}

impl<'a> Token<'a> {
    pub(super) fn text(self) -> &'a str {
        match self {
            Self::Word(text) | Self::Name(text) | Self::Value(text) | Self::Digits(text) | Self::Symbol(text) => text,
            Self::End => "<EOF>",
        }
    }
}

/// The tokens of an expression; the last one is [`Token::End`].
pub(super) fn tokens(kind: Kind, text: &str) -> Result<Vec<Token<'_>>, Error> {
    if text.is_empty() {
        return Err(kind.error("The expression can not be empty;"));
    }
    if text.len() > LONGEST {
        let size = text.len();
        return Err(
            kind.error(format!("Expression size has exceeded the maximum allowed size; expression size: {size}"))
        );
    }
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = |from: usize| {
            from + rest[from..].find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len() - from)
        };
        let (token, length) = match first {
            '#' | ':' => {
                // A placeholder may have other letters than ASCII's.
                let end =
                    rest[1..].find(|c: char| !(c.is_alphanumeric() || c == '_')).map_or(rest.len(), |end| end + 1);
                let whole = &rest[..end];
                (if first == '#' { Token::Name(whole) } else { Token::Value(whole) }, end)
            }
            '0'..='9' => (Token::Digits(&rest[..word(0)]), word(0)),
            'a'..='z' | 'A'..='Z' | '_' => (Token::Word(&rest[..word(0)]), word(0)),
            '<' | '>' if rest[1..].starts_with('=') || rest.starts_with("<>") => (Token::Symbol(&rest[..2]), 2),
            '<' | '>' | '=' | '(' | ')' | '[' | ']' | ',' | '.' | '+' | '-' => (Token::Symbol(&rest[..1]), 1),
            other => {
                let near: String = rest.chars().take(8).collect();
                return Err(kind.error(format!("Syntax error; token: \"{other}\", near: \"{near}\"")));
            }
        };
        found.push(token);
        rest = rest[length..].trim_start();
    }
    found.push(Token::End);
    Ok(found)
}
