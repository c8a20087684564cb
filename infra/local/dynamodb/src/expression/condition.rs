//! Conditions: the tree, and how a text becomes one.

use super::Kind;
use super::parser::Parser;
use super::path::Path;
use super::placeholders::Placeholders;
use super::token::Token;
use crate::error::Error;
use crate::value::Value;

/// A condition on an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
    Compare(Operand, Comparator, Operand),
    Between(Operand, Operand, Operand),
    In(Operand, Vec<Operand>),
    Exists(Path),
    IsAbsent(Path),
    IsOfType(Path, String),
    BeginsWith(Operand, Operand),
    Contains(Operand, Operand),
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operand {
    Path(Path),
    Value(Value),
    /// How long or how large what lies at a path is.
    Size(Path),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparator {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Comparator {
    fn of(symbol: &str) -> Option<Self> {
        Some(match symbol {
            "=" => Self::Equal,
            "<>" => Self::Unequal,
            "<" => Self::Less,
            "<=" => Self::AtMost,
            ">" => Self::Greater,
            ">=" => Self::AtLeast,
            _ => return None,
        })
    }

    fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Unequal => "<>",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        }
    }
}

/// The types of which values can be asked.
const TYPES: [&str; 10] = ["B", "NULL", "SS", "BOOL", "L", "BS", "N", "NS", "S", "M"];
/// The most operands of `IN`.
const MOST_IN: usize = 100;

impl Condition {
    pub(crate) fn parse<'a>(kind: Kind, text: &'a str, given: &mut Placeholders<'a>) -> Result<Self, Error> {
        let mut parser = Parser::new(kind, text, given)?;
        let condition = parser.condition()?;
        parser.end().map(|()| condition)
    }

    /// The paths that it looks at.
    pub(crate) fn paths(&self) -> Vec<&Path> {
        match self {
            Self::And(one, two) | Self::Or(one, two) => [one.paths(), two.paths()].concat(),
            Self::Not(inner) => inner.paths(),
            Self::Compare(one, _, two) | Self::BeginsWith(one, two) | Self::Contains(one, two) => {
                one.path().into_iter().chain(two.path()).collect()
            }
            Self::Between(value, low, high) => value.path().into_iter().chain(low.path()).chain(high.path()).collect(),
            Self::In(value, list) => value.path().into_iter().chain(list.iter().filter_map(Operand::path)).collect(),
            Self::Exists(path) | Self::IsAbsent(path) | Self::IsOfType(path, _) => vec![path],
        }
    }
}

impl Operand {
    fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) | Self::Size(path) => Some(path),
            Self::Value(_) => None,
        }
    }
}

impl Parser<'_, '_> {
    fn condition(&mut self) -> Result<Condition, Error> {
        let mut condition = self.conjunction()?;
        while self.takes_keyword("OR") {
            condition = Condition::Or(Box::new(condition), Box::new(self.conjunction()?));
        }
        Ok(condition)
    }

    fn conjunction(&mut self) -> Result<Condition, Error> {
        let mut condition = self.term()?;
        while self.takes_keyword("AND") {
            condition = Condition::And(Box::new(condition), Box::new(self.term()?));
        }
        Ok(condition)
    }

    fn term(&mut self) -> Result<Condition, Error> {
        if self.takes_keyword("NOT") {
            return self.nested(|parser| parser.term().map(|term| Condition::Not(Box::new(term))));
        }
        if self.is_doubled() {
            return Err(self.kind.error("The expression has redundant parentheses;"));
        }
        if self.takes("(") {
            return self.nested(|parser| {
                let condition = parser.condition()?;
                parser.expect(")").map(|()| condition)
            });
        }
        if self.peek_second() == Token::Symbol("(")
            && let Token::Word(function) = self.peek()
            && function != "size"
        {
            return self.function(function);
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Condition, Error> {
        let left = self.operand()?;
        if self.takes_keyword("BETWEEN") {
            let low = self.operand()?;
            if !self.takes_keyword("AND") {
                return Err(self.syntax());
            }
            let high = self.operand()?;
            return self.between(left, low, high);
        }
        if self.takes_keyword("IN") {
            let list = self.operands(Self::operand)?;
            if list.len() > MOST_IN {
                return Err(self.count("IN", list.len() + 1));
            }
            return Ok(Condition::In(left, list));
        }
        let Token::Symbol(symbol) = self.peek() else { return Err(self.syntax()) };
        let Some(comparator) = Comparator::of(symbol) else { return Err(self.syntax()) };
        self.next();
        let right = self.operand()?;
        if let (Operand::Path(one), Operand::Path(two)) = (&left, &right)
            && one == two
        {
            return Err(self.kind.error(format!(
                "The first operand must be distinct from the remaining operands for this operator or function; operator: {symbol}, first operand: {one}"
            )));
        }
        if !matches!(comparator, Comparator::Equal | Comparator::Unequal) {
            self.check_ordered(comparator.symbol(), [&left, &right])?;
        }
        Ok(Condition::Compare(left, comparator, right))
    }

    fn between(&self, left: Operand, low: Operand, high: Operand) -> Result<Condition, Error> {
        self.check_ordered("BETWEEN", [&low, &high])?;
        if let (Operand::Value(from), Operand::Value(to)) = (&low, &high) {
            let Some(order) = from.compare(to) else {
                return Err(self.kind.error(format!(
                    "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: {}, upper bound operand: AttributeValue: {}",
                    shown(from), shown(to)
                )));
            };
            if order.is_gt() {
                return Err(self.kind.error(format!(
                    "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {}, upper bound operand: AttributeValue: {}",
                    shown(from), shown(to)
                )));
            }
        }
        Ok(Condition::Between(left, low, high))
    }

    /// Refuses values of types that have no order.
    fn check_ordered<const N: usize>(&self, operator: &str, operands: [&Operand; N]) -> Result<(), Error> {
        for operand in operands {
            if let Operand::Value(value) = operand
                && !matches!(value, Value::S(_) | Value::N(_) | Value::B(_))
            {
                return Err(self.wrong_type(operator, value));
            }
        }
        Ok(())
    }

    fn wrong_type(&self, operator: &str, value: &Value) -> Error {
        self.kind.error(format!(
            "Incorrect operand type for operator or function; operator or function: {operator}, operand type: {}",
            value.kind()
        ))
    }

    fn count(&self, operator: &str, count: usize) -> Error {
        self.kind.error(format!(
            "Incorrect number of operands for operator or function; operator or function: {operator}, number of operands: {count}"
        ))
    }

    fn operand(&mut self) -> Result<Operand, Error> {
        match self.peek() {
            Token::Value(_) => self.value().map(Operand::Value),
            Token::Word("size") if self.peek_second() == Token::Symbol("(") => {
                self.next();
                let mut operands = self.operands(Self::operand)?;
                match (operands.pop(), operands.is_empty()) {
                    (Some(Operand::Path(path)), true) => Ok(Operand::Size(path)),
                    (_, true) => Err(self.needs_path("size")),
                    (_, false) => Err(self.count("size", operands.len() + 1)),
                }
            }
            Token::Word(word) if self.peek_second() == Token::Symbol("(") => {
                Err(self.kind.error(format!("Invalid function name; function: {word}")))
            }
            _ => self.path().map(Operand::Path),
        }
    }

    fn needs_path(&self, function: &str) -> Error {
        self.kind.error(format!("Operator or function requires a document path; operator or function: {function}"))
    }

    fn function(&mut self, name: &str) -> Result<Condition, Error> {
        let wanted = match name {
            "attribute_exists" | "attribute_not_exists" => 1,
            "attribute_type" | "begins_with" | "contains" => 2,
            _ => return Err(self.kind.error(format!("Invalid function name; function: {name}"))),
        };
        self.next();
        let operands = self.nested(|parser| parser.operands(Self::operand))?;
        if operands.len() != wanted {
            return Err(self.count(name, operands.len()));
        }
        let mut operands = operands.into_iter();
        let Some(first) = operands.next() else { return Err(self.count(name, 0)) };
        match (name, operands.next()) {
            ("begins_with", Some(Operand::Value(prefix))) if !matches!(prefix, Value::S(_) | Value::B(_)) => {
                Err(self.wrong_type(name, &prefix))
            }
            ("begins_with", Some(prefix)) => Ok(Condition::BeginsWith(first, prefix)),
            ("contains", Some(part)) => Ok(Condition::Contains(first, part)),
            ("attribute_type", Some(asked)) => {
                let Operand::Path(path) = first else { return Err(self.needs_path(name)) };
                let Operand::Value(Value::S(asked)) = asked else {
                    return Err(self.kind.error(format!(
                        "Incorrect operand type for operator or function; operator or function: {name}, operand type: {}",
                        if let Operand::Value(value) = &asked { value.kind() } else { "PATH" }
                    )));
                };
                if !TYPES.contains(&&*asked) {
                    let known = TYPES.join(",");
                    return Err(self
                        .kind
                        .error(format!("Invalid attribute type name found; type: {asked}, valid types: {{{known}}}")));
                }
                Ok(Condition::IsOfType(path, asked.to_string()))
            }
            (_, _) => {
                let Operand::Path(path) = first else { return Err(self.needs_path(name)) };
                let exists = name == "attribute_exists";
                Ok(if exists { Condition::Exists(path) } else { Condition::IsAbsent(path) })
            }
        }
    }
}

/// A value as DynamoDB's errors write it.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::S(text) => text.to_string(),
        Value::N(number) => number.to_string(),
        other => format!("{} bytes", other.size()),
    };
    format!("{{{}:{text}}}", value.kind())
}
