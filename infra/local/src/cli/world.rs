//! `pmp-local world`: what a world file may say, whether one is right, and one to start from.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use pmp_terminal::{Exit, Failure, PrintError, print_json, print_line, print_lines};
use pmp_world::{Format, World, WorldError, example};

#[derive(Args)]
pub(super) struct WorldFiles {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print a small world with comments, to start from
    #[command(after_help = "Example:\n  pmp-local world example > world.toml && pmp-local serve --world world.toml")]
    Example(Example),
    /// Say everything that is wrong in a world file
    #[command(after_help = "Example:\n  pmp-local world check world.yaml")]
    Check(Check),
    /// Print the JSON schema of world files, for your editor
    #[command(after_help = "Example:\n  pmp-local world schema > world.schema.json")]
    Schema,
}

#[derive(Args)]
struct Example {
    /// The format of the example
    #[arg(long, value_enum, default_value_t = ExampleFormat::Toml)]
    format: ExampleFormat,
}

#[derive(Clone, Copy, ValueEnum)]
enum ExampleFormat {
    Toml,
    Yaml,
}

#[derive(Args)]
struct Check {
    /// The world file: TOML, YAML or JSON, by its extension
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl WorldFiles {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        match self.command {
            Command::Example(Example { format }) => {
                let format = match format {
                    ExampleFormat::Toml => Format::Toml,
                    ExampleFormat::Yaml => Format::Yaml,
                };
                printed(print_lines(example(format).unwrap_or_default().lines()))
            }
            Command::Check(Check { file }) => {
                let world = load(&file)?;
                printed(print_line(&format!("`{}` is valid: {}", file.display(), summary(&world))))
            }
            Command::Schema => printed(print_json(World::schema_text().trim_end())),
        }
    }
}

/// Reads a world; one with several problems says each on a line.
pub(super) fn load(file: &Path) -> Result<World, Failure> {
    World::load(file).map_err(|error| match error {
        WorldError::Invalid(problems) => {
            let failure = Failure::new("E3045", format!("the world file `{}` is not valid", file.display()));
            problems.iter().fold(failure, |failure, problem| failure.detail(problem.to_string()))
        }
        error => error.into(),
    })
}

fn summary(world: &World) -> String {
    let experiences: usize = world.organizations.iter().map(|organization| organization.experiences.len()).sum();
    let count = |count: usize, thing: &str| format!("{count} {thing}{}", if count == 1 { "" } else { "s" });
    [
        count(world.organizations.len(), "organization"),
        count(experiences, "experience"),
        count(world.products.len(), "product"),
        count(world.roles.len(), "role"),
    ]
    .join(", ")
}

fn printed(printed: Result<(), PrintError>) -> Result<Exit, Failure> {
    printed.map_err(|error| Failure::from(error).within("cannot print"))?;
    Ok(Exit::Ok)
}
