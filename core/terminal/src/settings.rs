//! Checks the configuration at start: every problem at once, each by its flag and its variable.

use std::fmt::{self, Display};
use std::str::FromStr;

use crate::Failure;

/// Collects what is wrong with the configuration.
#[derive(Debug, Default)]
pub struct Settings {
    problems: Vec<String>,
}

/// Where a setting comes from, for messages.
#[derive(Debug, Clone, Copy)]
pub struct Source {
    /// The flag, with its hyphens.
    pub flag: &'static str,
    /// The environment variable.
    pub variable: &'static str,
}

impl Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.flag, self.variable)
    }
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
            self.problems.push(format!("{source} is missing"));
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

    /// Notes a problem that a caller found.
    pub fn problem(&mut self, source: Source, problem: impl Display) {
        self.problems.push(format!("{source}: {problem}"));
    }

    /// What `build` makes of the settings; or all that was wrong with them, at once. `build` gives none only where a
    /// required setting is missing, which has left a problem behind.
    ///
    /// # Errors
    /// Where there was a problem.
    pub fn finish<T>(self, build: impl FnOnce() -> Option<T>) -> Result<T, Failure> {
        if self.problems.is_empty()
            && let Some(complete) = build()
        {
            return Ok(complete);
        }
        let failure = Failure::new(anyhow::anyhow!("the configuration is not complete"));
        let failure = self.problems.into_iter().fold(failure, Failure::detail);
        Err(failure.hint("give the flag or set the variable; `--help` explains each".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORT: Source = Source { flag: "--port", variable: "APP_PORT" };
    const NAME: Source = Source { flag: "--name", variable: "APP_NAME" };

    #[test]
    fn every_problem_is_named_by_flag_and_variable() {
        let mut settings = Settings::default();
        let port = settings.required::<u16>(Some("http"), PORT);
        let name = settings.required::<String>(Some(" "), NAME);
        let text = settings.finish(|| Some((port?, name?))).unwrap_err().render();
        assert_eq!(
            text,
            "error: the configuration is not complete\n  --port (APP_PORT): invalid digit found in string\n  \
             --name (APP_NAME) is missing\nhint: give the flag or set the variable; `--help` explains each"
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
