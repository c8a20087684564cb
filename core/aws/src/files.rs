//! The files of profiles, looked at before the SDK reads them: it passes over one that it cannot
//! read, or that is no text, and goes on with what is left, the role of the machine at last.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};

use crate::ConfigError;

/// The files of profiles that exist, and what stands in them.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    paths: EnvConfigFiles,
    /// The names of the sections of `services`, which the SDK does not list.
    services: Vec<String>,
}

impl Files {
    /// No file at all.
    pub(crate) fn none() -> Self {
        let empty = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, "");
        Self { paths: empty.build(), services: Vec::new() }
    }

    /// Those that the environment names, or the usual ones. One that is not there counts as empty;
    /// a blank variable as absent.
    ///
    /// # Errors
    /// Where one is there and cannot be read, or is no text.
    pub(crate) fn read(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let set = |name: &str| variable(name).filter(|text| !text.trim().is_empty());
        let home = set("HOME").or_else(|| set("USERPROFILE"));
        // The SDK asks for one source at least.
        let mut paths = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, "");
        let mut services = Vec::new();
        for (kind, name, usual) in [
            (EnvConfigFileKind::Config, "AWS_CONFIG_FILE", "~/.aws/config"),
            (EnvConfigFileKind::Credentials, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
        ] {
            let named = set(name);
            let path = at_home(named.as_deref().unwrap_or(usual), home.as_deref());
            let wrong = |problem: String| {
                let source = named.as_ref().map(|_| name);
                ConfigError::File { source, path: path.clone(), problem }
            };
            match std::fs::read(&path) {
                Ok(bytes) => {
                    let text = String::from_utf8(bytes).map_err(|_| wrong("is no text in UTF-8".to_owned()))?;
                    services.extend(text.lines().filter_map(section_of_services).map(str::to_owned));
                    paths = paths.with_file(kind, &path);
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                // The home of another user, in which nobody named anything.
                Err(_) if named.is_none() && std::fs::metadata(&path).is_err() => {}
                Err(error) => return Err(wrong(format!("cannot be read: {error}"))),
            }
        }
        Ok(Self { paths: paths.build(), services })
    }

    /// The same paths in the form that the SDK takes.
    pub(crate) fn paths(&self) -> &EnvConfigFiles {
        &self.paths
    }

    /// Whether there is a section `[services NAME]`.
    pub(crate) fn has_services(&self, name: &str) -> bool {
        self.services.iter().any(|known| known == name)
    }
}

/// A path whose first part may be `~`, as the SDK takes it.
fn at_home(path: &str, home: Option<&str>) -> PathBuf {
    match (path.strip_prefix('~'), home) {
        (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with(['/', '\\']) => {
            Path::new(home).join(rest.trim_start_matches(['/', '\\']))
        }
        _ => PathBuf::from(path),
    }
}

fn section_of_services(line: &str) -> Option<&str> {
    let (title, _) = line.trim().strip_prefix('[')?.split_once(']')?;
    let (kind, name) = title.trim().split_once(char::is_whitespace)?;
    (kind == "services").then(|| name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Files, String> {
        let variable = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Files::read(&variable).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_that_is_no_text_is_not_passed_over() {
        let folder = std::env::temp_dir().join(format!("pmp-aws-files-{}", std::process::id()));
        std::fs::create_dir_all(folder.join(".aws")).unwrap();
        std::fs::write(folder.join(".aws/config"), b"\xff\xfe\0").unwrap();
        let home = folder.to_str().unwrap();
        let usual = read(&[("HOME", home), ("AWS_CONFIG_FILE", " ")]).unwrap_err();
        assert_eq!(usual, format!("the file `{home}/.aws/config` of profiles is no text in UTF-8"));
        let path = format!("{home}/.aws/config");
        let named = read(&[("AWS_SHARED_CREDENTIALS_FILE", &path), ("HOME", "/nowhere")]).unwrap_err();
        assert_eq!(named, format!("the file `{path}` of profiles (AWS_SHARED_CREDENTIALS_FILE) is no text in UTF-8"));
        let folder_named = read(&[("AWS_CONFIG_FILE", home)]).unwrap_err();
        assert!(folder_named.contains("(AWS_CONFIG_FILE) cannot be read: "), "{folder_named}");
        assert!(read(&[("HOME", "/nowhere"), ("AWS_CONFIG_FILE", "/nowhere/config")]).is_ok());
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn sections_of_services_are_known_by_name() {
        for (line, name) in [
            ("[services local]", Some("local")),
            (" [ services  local ] # of this machine", Some("local")),
            ("[profile services]", None),
            ("services = local", None),
        ] {
            assert_eq!(section_of_services(line), name, "{line}");
        }
    }

    #[test]
    fn a_tilde_is_the_home_where_it_stands_alone() {
        assert_eq!(at_home("~/.aws/config", Some("/home/me")), Path::new("/home/me/.aws/config"));
        assert_eq!(at_home("~aws/config", Some("/home/me")), Path::new("~aws/config"));
        assert_eq!(at_home("~/.aws/config", None), Path::new("~/.aws/config"));
    }
}
