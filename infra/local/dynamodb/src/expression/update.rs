//! Updates: what `SET`, `REMOVE`, `ADD` and `DELETE` do to an item.

use super::Kind;
use super::parser::Parser;
use super::path::{Path, Step, check_apart};
use super::placeholders::Placeholders;
use super::token::Token;
use crate::error::Error;
use crate::value::{Attributes, Value};

const KIND: Kind = Kind::Update;
const NO_ATTRIBUTE: &str = "The provided expression refers to an attribute that does not exist in the item";
const WRONG_TYPE: &str = "An operand in the update expression has an incorrect data type";
const NO_PLACE: &str = "The document path provided in the update expression is invalid for update";

/// The changes of one expression.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Update {
    set: Vec<(Path, Source)>,
    remove: Vec<Path>,
    add: Vec<(Path, Value)>,
    delete: Vec<(Path, Value)>,
}

/// Where the value comes from that an attribute is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Path(Path),
    Value(Value),
    Plus(Box<Source>, Box<Source>),
    Minus(Box<Source>, Box<Source>),
    /// What is there already, or else another value.
    IfAbsent(Path, Box<Source>),
    /// Two lists, one after the other.
    Append(Box<Source>, Box<Source>),
}

impl Update {
    pub(crate) fn parse<'a>(text: &'a str, given: &mut Placeholders<'a>) -> Result<Self, Error> {
        let mut parser = Parser::new(KIND, text, given)?;
        let (mut update, mut seen) = (Self::default(), Vec::new());
        loop {
            let sections = ["SET", "REMOVE", "ADD", "DELETE"];
            let Some(section) = sections.into_iter().find(|section| parser.is_keyword(section)) else {
                return Err(parser.syntax());
            };
            parser.next();
            if seen.contains(&section) {
                let problem = format!("The \"{section}\" section can only be used once in an update expression;");
                return Err(KIND.error(problem));
            }
            seen.push(section);
            loop {
                update.clause(section, &mut parser)?;
                if !parser.takes(",") {
                    break;
                }
            }
            if parser.peek() == Token::End {
                break;
            }
        }
        check_apart(KIND, update.paths())?;
        Ok(update)
    }

    fn clause(&mut self, section: &str, parser: &mut Parser<'_, '_>) -> Result<(), Error> {
        let path = parser.path()?;
        match section {
            "SET" => {
                parser.expect("=")?;
                self.set.push((path, parser.sum()?));
            }
            "REMOVE" => self.remove.push(path),
            _ => {
                let value = parser.value()?;
                let is_set = matches!(value, Value::Ss(_) | Value::Ns(_) | Value::Bs(_));
                let is_added = section == "ADD" && matches!(value, Value::N(_));
                if !is_set && !is_added {
                    let kind = value.kind();
                    return Err(KIND.error(format!(
                        "Incorrect operand type for operator or function; operator: {section}, operand type: {kind}"
                    )));
                }
                if section == "ADD" { &mut self.add } else { &mut self.delete }.push((path, value));
            }
        }
        Ok(())
    }

    /// The paths that it changes.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        let (added, deleted) = (self.add.iter().map(|(path, _)| path), self.delete.iter().map(|(path, _)| path));
        self.set.iter().map(|(path, _)| path).chain(&self.remove).chain(added).chain(deleted)
    }

    /// Changes an item. All values are taken from the item as it was before.
    pub(crate) fn apply(&self, item: &mut Attributes) -> Result<(), Error> {
        let mut set =
            self.set.iter().map(|(path, source)| Ok((path, source.value(item)?))).collect::<Result<Vec<_>, Error>>()?;
        let changed = self.add.iter().map(|(path, value)| added(path.find(item), value).map(|value| (path, value)));
        set.extend(changed.collect::<Result<Vec<_>, Error>>()?);
        let mut remove: Vec<&Path> = self.remove.iter().collect();
        for (path, value) in &self.delete {
            match path.find(item).map(|from| without(from, value)).transpose()? {
                Some(Some(left)) => set.push((path, left)),
                Some(None) => remove.push(path),
                None => {}
            }
        }
        // In this order, what is set behind the end of a list is appended by rising indices, and
        // what is removed from a list does not move what is still to be removed.
        set.sort_by_key(|(path, _)| *path);
        remove.sort_by(|one, two| two.cmp(one));
        set.into_iter().try_for_each(|(path, value)| put(item, path, value))?;
        remove.into_iter().try_for_each(|path| take(item, path))
    }
}

fn put(item: &mut Attributes, path: &Path, value: Value) -> Result<(), Error> {
    if path.steps.is_empty() {
        item.insert(path.attribute.clone(), value);
        return Ok(());
    }
    match path.parent_of(item) {
        Some((Value::M(map), Step::Name(name))) => drop(map.insert(name.clone(), value)),
        Some((Value::L(list), Step::Index(index))) => match list.get_mut(*index) {
            Some(place) => *place = value,
            None => list.push(value),
        },
        _ => return Err(Error::validation(NO_PLACE)),
    }
    Ok(())
}

fn take(item: &mut Attributes, path: &Path) -> Result<(), Error> {
    if path.steps.is_empty() {
        item.remove(&path.attribute);
        return Ok(());
    }
    match path.parent_of(item) {
        Some((Value::M(map), Step::Name(name))) => drop(map.remove(name)),
        Some((Value::L(list), Step::Index(index))) => {
            if *index < list.len() {
                list.remove(*index);
            }
        }
        _ => return Err(Error::validation(NO_PLACE)),
    }
    Ok(())
}

/// What `ADD` makes of a value that is there already, or is not.
fn added(there: Option<&Value>, value: &Value) -> Result<Value, Error> {
    Ok(match (there, value) {
        (None, value) => value.clone(),
        (Some(Value::N(one)), Value::N(two)) => Value::N(one.plus(*two).map_err(Error::validation)?),
        (Some(Value::Ss(one)), Value::Ss(two)) => Value::Ss(one | two),
        (Some(Value::Ns(one)), Value::Ns(two)) => Value::Ns(one | two),
        (Some(Value::Bs(one)), Value::Bs(two)) => Value::Bs(one | two),
        _ => return Err(Error::validation(WRONG_TYPE)),
    })
}

/// What `DELETE` leaves of a set; `None` if nothing is left.
fn without(from: &Value, value: &Value) -> Result<Option<Value>, Error> {
    Ok(match (from, value) {
        (Value::Ss(one), Value::Ss(two)) => Some(one - two).filter(|set| !set.is_empty()).map(Value::Ss),
        (Value::Ns(one), Value::Ns(two)) => Some(one - two).filter(|set| !set.is_empty()).map(Value::Ns),
        (Value::Bs(one), Value::Bs(two)) => Some(one - two).filter(|set| !set.is_empty()).map(Value::Bs),
        _ => return Err(Error::validation(WRONG_TYPE)),
    })
}

impl Source {
    fn value(&self, item: &Attributes) -> Result<Value, Error> {
        match self {
            Self::Path(path) => path.find(item).cloned().ok_or_else(|| Error::validation(NO_ATTRIBUTE)),
            Self::Value(value) => Ok(value.clone()),
            Self::Plus(one, two) | Self::Minus(one, two) => {
                let (Value::N(left), Value::N(right)) = (one.value(item)?, two.value(item)?) else {
                    return Err(Error::validation(WRONG_TYPE));
                };
                let sum = if matches!(self, Self::Plus(..)) { left.plus(right) } else { left.minus(right) };
                sum.map(Value::N).map_err(Error::validation)
            }
            Self::IfAbsent(path, other) => path.find(item).cloned().map_or_else(|| other.value(item), Ok),
            Self::Append(one, two) => match (one.value(item)?, two.value(item)?) {
                (Value::L(mut list), Value::L(more)) => {
                    list.extend(more);
                    Ok(Value::L(list))
                }
                _ => Err(Error::validation(WRONG_TYPE)),
            },
        }
    }
}

impl Parser<'_, '_> {
    fn sum(&mut self) -> Result<Source, Error> {
        if self.peek() == Token::Symbol("(") {
            self.next();
            let inner = self.nested(Self::sum)?;
            self.expect(")")?;
            return Ok(inner);
        }
        let left = self.source()?;
        let plus = self.takes("+");
        if !plus && !self.takes("-") {
            return Ok(left);
        }
        let right = self.source()?;
        for side in [&left, &right] {
            if let Source::Value(value) = side
                && !matches!(value, Value::N(_))
            {
                return Err(wrong_operand(if plus { "+" } else { "-" }, value));
            }
        }
        let (left, right) = (Box::new(left), Box::new(right));
        Ok(if plus { Source::Plus(left, right) } else { Source::Minus(left, right) })
    }

    fn source(&mut self) -> Result<Source, Error> {
        match (self.peek(), self.peek_second()) {
            (Token::Value(_), _) => self.value().map(Source::Value),
            (Token::Word(function), Token::Symbol("(")) => {
                self.next();
                self.function_of_update(function)
            }
            _ => self.path().map(Source::Path),
        }
    }

    fn function_of_update(&mut self, name: &str) -> Result<Source, Error> {
        if !["if_not_exists", "list_append"].contains(&name) {
            return Err(KIND.error(format!("Invalid function name; function: {name}")));
        }
        let operands = self.nested(|parser| parser.operands(Self::source))?;
        let count = operands.len();
        let Ok([one, two]) = <[Source; 2]>::try_from(operands) else {
            return Err(KIND.error(format!(
                "Incorrect number of operands for operator or function; operator or function: {name}, number of operands: {count}"
            )));
        };
        if name == "list_append" {
            for side in [&one, &two] {
                if let Source::Value(value) = side
                    && !matches!(value, Value::L(_))
                {
                    return Err(wrong_operand(name, value));
                }
            }
            return Ok(Source::Append(Box::new(one), Box::new(two)));
        }
        let Source::Path(path) = one else {
            return Err(
                KIND.error(format!("Operator or function requires a document path; operator or function: {name}"))
            );
        };
        Ok(Source::IfAbsent(path, Box::new(two)))
    }
}

fn wrong_operand(operator: &str, value: &Value) -> Error {
    let kind = value.kind();
    KIND.error(format!(
        "Incorrect operand type for operator or function; operator or function: {operator}, operand type: {kind}"
    ))
}
