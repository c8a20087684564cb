//! A setting is declared once, by [`declare_settings!`](crate::declare_settings): its flag, its
//! variable, its type, which is also its check, its help, and its row in the documentation.

use std::fmt::Display;
use std::marker::PhantomData;
use std::str::FromStr;

use crate::{Settings, Source};

/// What the documentation says of a setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The flag and the variable by which it is given.
    pub source: Source,
    /// The commands that need it or take it.
    pub needed_by: &'static str,
    /// What it means, with its default in parentheses; Markdown.
    pub meaning: &'static str,
}

impl Setting {
    /// The row of this setting in a table of `docs/configuration.md`.
    #[must_use]
    pub fn row(&self) -> String {
        let Self { source: Source { flag, variable }, needed_by, meaning } = self;
        format!("| `{variable}` | `{flag}` | {needed_by} | {meaning} |")
    }
}

/// `page` with the table under the heading `## PROGRAM` as `settings` declare it: what
/// `docs/configuration.md` is compared with, and renewed to. `None` where it has no such table.
#[must_use]
pub fn with_settings<'a>(page: &str, program: &str, settings: impl IntoIterator<Item = &'a Setting>) -> Option<String> {
    let (before, rest) = page.split_once(&format!("## {program}\n"))?;
    let (heading, rest) = rest.split_once("| --- |\n")?;
    let (_, after) = rest.split_once("\n\n")?;
    let rows: Vec<_> = settings.into_iter().map(Setting::row).collect();
    Some(format!("{before}## {program}\n{heading}| --- |\n{}\n\n{after}", rows.join("\n")))
}

/// The text that was given for a setting, which becomes a `T` where it is read. The declaration
/// gives `T`, so that every command checks the setting in the same way.
#[derive(Debug)]
pub struct Given<'a, T> {
    text: Option<&'a str>,
    source: Source,
    kind: PhantomData<fn() -> T>,
}

impl<'a, T> Given<'a, T> {
    /// What stands in the flag or the variable. A blank is how templates spell "not set".
    #[must_use]
    pub fn new(text: Option<&'a str>, source: Source) -> Self {
        Self { text, source, kind: PhantomData }
    }

    /// The same, with a text that counts where neither flag nor variable is there. A blank variable
    /// is there, and so it stays a setting that is missing.
    #[must_use]
    pub fn or(self, default: &'a str) -> Self {
        Self { text: self.text.or(Some(default)), ..self }
    }

    /// Whether anything but blanks was given.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.text.is_some_and(|text| !text.trim().is_empty())
    }

    /// Whether exactly this word was given.
    #[must_use]
    pub fn is(&self, word: &str) -> bool {
        self.text.is_some_and(|text| text.trim() == word)
    }

    /// The setting, unless this word was given in its place.
    #[must_use]
    pub fn unless(self, word: &str) -> Self {
        let text = self.text.filter(|_| !self.is(word));
        Self { text, ..self }
    }
}

impl<T> Given<'_, T>
where
    T: FromStr,
    T::Err: Display,
{
    /// A setting that must be there: that it is missing, or wrong, is noted in `settings`.
    pub fn required(self, settings: &mut Settings) -> Option<T> {
        settings.required(self.text, self.source)
    }

    /// A setting that may be absent: that it is wrong is noted in `settings`.
    pub fn optional(self, settings: &mut Settings) -> Option<T> {
        settings.optional(self.text, self.source)
    }

    /// The setting where it is there and right. For a command that does not depend on it: the
    /// commands that do say what is wrong.
    #[must_use]
    pub fn if_right(self) -> Option<T> {
        self.text.and_then(|text| text.trim().parse().ok())
    }
}

/// Declares settings: a struct of arguments for clap with a text for each, a [`Source`] for each as
/// a constant, a method for each that reads it as a [`Given`] of its type, and, in tests,
/// `DECLARED`, the rows for the documentation.
///
/// `global` says whether the flags may follow the subcommand. Attributes of a field reach clap.
#[macro_export]
macro_rules! declare_settings {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident, global: $global:literal {
            $(
                $(#[$attribute:meta])*
                $field:ident: $kind:ty = $constant:ident {
                    flag: $flag:literal,
                    variable: $variable:literal,
                    value: $value:literal,
                    help: $help:literal,
                    needed_by: $needed_by:literal,
                    meaning: $meaning:literal,
                }
            )*
        }
    ) => {
        $(
            $vis const $constant: $crate::Source =
                $crate::Source { flag: concat!("--", $flag), variable: $variable };
        )*

        $(#[$meta])*
        $vis struct $name {
            $(
                $(#[$attribute])*
                #[arg(long = $flag, global = $global, env = $variable, hide_env_values = true, value_name = $value,
                      help = $help)]
                $field: Option<String>,
            )*
        }

        impl $name {
            /// Every setting, in the order of the documentation.
            #[cfg(test)]
            $vis const DECLARED: &'static [$crate::Setting] = &[
                $($crate::Setting { source: $constant, needed_by: $needed_by, meaning: $meaning },)*
            ];

            /// The text of every setting, as it was given.
            $vis fn given(&self) -> Vec<($crate::Source, Option<&str>)> {
                vec![$(($constant, self.$field.as_deref()),)*]
            }

            $(
                #[doc = $help]
                $vis fn $field(&self) -> $crate::Given<'_, $kind> {
                    $crate::Given::new(self.$field.as_deref(), $constant)
                }
            )*
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: Source = Source { flag: "--name", variable: "APP_NAME" };

    fn given(text: Option<&str>) -> Given<'_, u8> {
        Given::new(text, NAME)
    }

    #[test]
    fn a_blank_is_not_set_and_no_default_stands_in_for_it() {
        let mut settings = Settings::default();
        assert_eq!(given(None).or("7").required(&mut settings), Some(7));
        assert_eq!(given(Some(" 8 ")).or("7").required(&mut settings), Some(8));
        assert!(!given(Some(" ")).is_set() && !given(None).is_set() && given(Some("x")).is_set());
        assert_eq!(
            (given(Some(" ")).if_right(), given(Some("x")).if_right(), given(Some("9")).if_right()),
            (None, None, Some(9))
        );
        assert_eq!(given(Some(" ")).or("7").required(&mut settings), None);
        assert!(settings.finish(|| Some(())).unwrap_err().render().contains("--name (APP_NAME) is missing"));
    }

    #[test]
    fn a_word_can_stand_in_place_of_a_setting() {
        let mut settings = Settings::default();
        assert!(given(Some(" none ")).is("none"));
        assert_eq!(given(Some("none")).unless("none").optional(&mut settings), None);
        assert_eq!(given(Some("3")).unless("none").optional(&mut settings), Some(3));
        assert!(settings.finish(|| Some(())).is_ok());
    }

    #[test]
    fn a_page_gets_the_rows_of_one_program_and_keeps_everything_else() {
        let page = "# Settings\n\n## app\n\n| a | b |\n| --- | --- |\n| old |\n\nMore.\n\n## other\n";
        let setting = Setting { source: NAME, needed_by: "run", meaning: "the name" };
        let renewed = with_settings(page, "app", [&setting, &setting]).unwrap();
        assert_eq!(renewed, page.replace("| old |", &format!("{0}\n{0}", setting.row())));
        assert_eq!(with_settings(page, "other", [&setting]), None);
    }

    #[test]
    fn a_row_names_variable_flag_command_and_meaning() {
        let setting = Setting { source: NAME, needed_by: "run", meaning: "the name (`app`)" };
        assert_eq!(setting.row(), "| `APP_NAME` | `--name` | run | the name (`app`) |");
    }
}
