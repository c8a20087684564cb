//! Reads tokens one after the other: what all expressions have in common.

use super::Kind;
use super::path::{Path, Step};
use super::placeholders::Placeholders;
use super::reserved::is_reserved;
use super::token::{Token, tokens};
use crate::error::Error;
use crate::value::Value;

/// How deep parentheses, `NOT` and functions may be nested in each other.
const DEEPEST: usize = 100;

pub(super) struct Parser<'a, 'p> {
    pub(super) kind: Kind,
    tokens: Vec<Token<'a>>,
    at: usize,
    depth: usize,
    placeholders: &'p mut Placeholders<'a>,
}

impl<'a, 'p> Parser<'a, 'p> {
    pub(super) fn new(kind: Kind, text: &'a str, placeholders: &'p mut Placeholders<'a>) -> Result<Self, Error> {
        Ok(Self { kind, tokens: tokens(kind, text)?, at: 0, depth: 0, placeholders })
    }

    /// The token that is next.
    pub(super) fn peek(&self) -> Token<'a> {
        self.tokens.get(self.at).copied().unwrap_or(Token::End)
    }

    /// The token behind the next one.
    pub(super) fn peek_second(&self) -> Token<'a> {
        self.tokens.get(self.at + 1).copied().unwrap_or(Token::End)
    }

    pub(super) fn next(&mut self) -> Token<'a> {
        let token = self.peek();
        self.at += 1;
        token
    }

    /// Takes a symbol, if it is next.
    pub(super) fn takes(&mut self, symbol: &str) -> bool {
        let is_next = self.peek() == Token::Symbol(symbol);
        self.at += usize::from(is_next);
        is_next
    }

    pub(super) fn expect(&mut self, symbol: &str) -> Result<(), Error> {
        if self.takes(symbol) { Ok(()) } else { Err(self.syntax()) }
    }

    pub(super) fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self.peek(), Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// Takes a keyword, however it is written, if it is next.
    pub(super) fn takes_keyword(&mut self, keyword: &str) -> bool {
        let is_next = self.is_keyword(keyword);
        self.at += usize::from(is_next);
        is_next
    }

    /// Whether parentheses are next that hold nothing but others.
    pub(super) fn is_doubled(&self) -> bool {
        let closing = |from: usize| {
            let mut open = 0_usize;
            self.tokens.iter().enumerate().skip(from).find_map(|(at, token)| {
                match token {
                    Token::Symbol("(") => open += 1,
                    Token::Symbol(")") => open = open.saturating_sub(1),
                    _ => {}
                }
                (open == 0).then_some(at)
            })
        };
        let is_open = |at: usize| self.tokens.get(at) == Some(&Token::Symbol("("));
        let doubled = is_open(self.at) && is_open(self.at + 1);
        doubled && closing(self.at).is_some_and(|outer| closing(self.at + 1) == outer.checked_sub(1))
    }

    /// Refuses what is left behind the end of the expression.
    pub(super) fn end(&self) -> Result<(), Error> {
        if self.peek() == Token::End { Ok(()) } else { Err(self.syntax()) }
    }

    /// The error about the token that is next.
    pub(super) fn syntax(&self) -> Error {
        let around = self.tokens[self.at.saturating_sub(1).min(self.tokens.len())..].iter().take(3);
        let near: Vec<_> = around.filter(|token| **token != Token::End).map(|token| token.text()).collect();
        let (token, near) = (self.peek().text(), near.join(" "));
        self.kind.error(format!("Syntax error; token: \"{token}\", near: \"{near}\""))
    }

    /// Reads what is nested in the expression, unless it is nested too deep.
    pub(super) fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.depth == DEEPEST {
            return Err(self.kind.error("The expression is nested too deep"));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// The operands of a function, in its parentheses.
    pub(super) fn operands<T>(&mut self, mut read: impl FnMut(&mut Self) -> Result<T, Error>) -> Result<Vec<T>, Error> {
        self.expect("(")?;
        let mut operands = Vec::new();
        loop {
            operands.push(read(self)?);
            if !self.takes(",") {
                break;
            }
        }
        self.expect(")").map(|()| operands)
    }

    /// The value of a placeholder that is next.
    pub(super) fn value(&mut self) -> Result<Value, Error> {
        let Token::Value(placeholder) = self.peek() else { return Err(self.syntax()) };
        self.at += 1;
        self.placeholders.value(self.kind, placeholder).cloned()
    }

    pub(super) fn path(&mut self) -> Result<Path, Error> {
        let attribute = self.name()?;
        let mut steps = Vec::new();
        loop {
            if self.takes(".") {
                steps.push(Step::Name(self.name()?));
            } else if self.takes("[") {
                let Token::Digits(digits) = self.peek() else { return Err(self.syntax()) };
                let index = digits.parse().map_err(|_| self.syntax())?;
                self.at += 1;
                self.expect("]")?;
                steps.push(Step::Index(index));
            } else {
                return Ok(Path { attribute, steps });
            }
        }
    }

    fn name(&mut self) -> Result<String, Error> {
        let name = match self.peek() {
            Token::Name(placeholder) => self.placeholders.name(self.kind, placeholder)?,
            Token::Word(word) if is_reserved(word) => {
                return Err(self.kind.error(format!("Attribute name is a reserved keyword; reserved keyword: {word}")));
            }
            Token::Word(word) => word,
            _ => return Err(self.syntax()),
        };
        self.at += 1;
        Ok(name.to_owned())
    }
}
