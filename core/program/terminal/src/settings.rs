//! Checks the configuration at start: every problem at once, each by its flag and its variable.

use std::fmt::Display;
use std::str::FromStr;

use crate::context::enter::unchosen;
use crate::{Failure, Source};

/// Collects what is wrong with the configuration.
#[derive(Debug, Default)]
pub struct Settings {
    problems: Vec<String>,
    missing: bool,
    wrong: Vec<Source>,
}

impl Settings {
    /// A setting that must be there.
    pub fn required<T>(&mut self, value: Option<&str>, source: Source) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        // A blank variable is how templates spell "not set".
        if value.is_none_or(|text| text.trim().is_empty()) {
            self.missing(source);
        }
        self.optional(value, source)
    }

    /// A setting that may be absent or blank.
    pub fn optional<T>(&mut self, value: Option<&str>, source: Source) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        let text = value.map(str::trim).filter(|text| !text.is_empty())?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(problem) => {
                self.problem(source, problem);
                None
            }
        }
    }

    /// Notes that a setting is not there.
    pub fn missing(&mut self, source: Source) {
        self.missing = true;
        self.problems.push(format!("{source} is missing"));
    }

    /// Notes that a setting is not there, with why it is needed.
    pub fn missing_because(&mut self, source: Source, why: impl Display) {
        self.missing = true;
        self.problems.push(format!("{source} is missing: {why}"));
    }

    /// Notes a problem that a caller found.
    pub fn problem(&mut self, source: Source, problem: impl Display) {
        self.wrong.push(source);
        self.problems.push(format!("{source}: {problem}"));
    }

    /// What `build` makes of the settings; or all that was wrong with them, at once. `build` gives
    /// none only where a required setting is missing, which has left a problem behind.
    ///
    /// # Errors
    /// Where there was a problem.
    pub fn finish<T>(self, build: impl FnOnce() -> Option<T>) -> Result<T, Failure> {
        if self.problems.is_empty()
            && let Some(complete) = build()
        {
            return Ok(complete);
        }
        let wrong: Vec<_> = self.wrong.iter().map(ToString::to_string).collect();
        // Of many, each stands above.
        let correct = if wrong.len() > 2 { "what is wrong".to_owned() } else { wrong.join(" and ") };
        let correct = format!("correct {correct}");
        let (what, hint) = match (self.missing, !self.wrong.is_empty()) {
            (false, true) => ("the configuration has a mistake", correct),
            (true, true) => {
                ("the configuration is not complete, and has a mistake", format!("give what is missing, and {correct}"))
            }
            _ => ("the configuration is not complete", "give the flag or set the variable".to_owned()),
        };
        let failure = self.problems.into_iter().fold(Failure::new("E1732", what), Failure::detail);
        let context = self.missing.then(unchosen).flatten();
        Err(failure.hint(context).hint(format!("{hint}; `--help` explains each")).about(self.wrong))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WholeNumber;

    const PORT: Source = Source { flag: "--port", variable: "APP_PORT" };
    const NAME: Source = Source { flag: "--name", variable: "APP_NAME" };

    #[test]
    fn every_problem_is_named_by_flag_and_variable() {
        let text = |port: &str, name: &str| {
            let mut settings = Settings::default();
            let port = settings.optional::<WholeNumber<1, 65_535>>(Some(port), PORT);
            let name = settings.required::<String>(Some(name), NAME);
            settings.finish(|| Some((port?, name?))).unwrap_err().render()
        };
        assert_eq!(
            text("http", " "),
            "error: the configuration is not complete, and has a mistake\n  \
             --port (APP_PORT): `http` is not a whole number from 1 to 65535\n  --name (APP_NAME) is missing\n\
             hint: give what is missing, and correct --port (APP_PORT); `--help` explains each\n\
             code: E1732"
        );
        assert_eq!(
            text("70000", "n"),
            "error: the configuration has a mistake\n  --port (APP_PORT): `70000` is not a whole number from 1 to 65535\n\
             hint: correct --port (APP_PORT); `--help` explains each\n\
             code: E1732"
        );
        assert_eq!(
            text("80", ""),
            "error: the configuration is not complete\n  --name (APP_NAME) is missing\n\
             hint: give the flag or set the variable; `--help` explains each\n\
             code: E1732"
        );
    }

    #[test]
    fn blank_is_absent() {
        let mut settings = Settings::default();
        assert_eq!(settings.optional::<u16>(Some(""), PORT), None);
        assert_eq!(settings.optional::<u16>(Some(" 80 "), PORT), Some(80));
        assert!(settings.finish(|| Some(())).is_ok());
    }
}
