//! `names.toml`: what the user calls the kinds of events.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Error, Result};

/// Events of a kind with this name are left out of the list.
pub(crate) const IGNORE: &str = "ignore";

/// Names of kinds by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names(BTreeMap<usize, String>);

impl Names {
    /// Reads the file; without one no kind has a name.
    ///
    /// # Errors
    /// [`Error::ConfigText`] for what is no table of numbers and names.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => return Err(Error::io("read", path, e)),
        };
        Self::parse(&text).map_err(|reason| Error::ConfigText(format!("{}: {reason}", path.display())))
    }

    fn parse(text: &str) -> std::result::Result<Self, String> {
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| e.message().to_owned())?;
        let named = table.into_iter().map(|(number, name)| {
            let kind = number.parse().ok().filter(|&k: &usize| k > 0);
            match (kind, name) {
                (Some(kind), toml::Value::String(name)) if !name.is_empty() => Ok((kind, name)),
                _ => Err(format!("{number}: expected a kind's number and its name, as 1 = \"train\"")),
            }
        });
        named.collect::<std::result::Result<_, _>>().map(Self)
    }

    /// A kind's name, else its number; nothing for an event without a kind.
    pub(crate) fn of(&self, kind: Option<usize>) -> String {
        kind.map_or_else(String::new, |k| self.0.get(&k).cloned().unwrap_or_else(|| k.to_string()))
    }

    /// Whether events of this kind are left out of the list.
    pub(crate) fn ignores(&self, kind: Option<usize>) -> bool {
        kind.and_then(|k| self.0.get(&k)).is_some_and(|name| name == IGNORE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_named_numbered_and_ignored() {
        let names = Names::parse("1 = \"train\"\n3 = \"ignore\"").expect("valid");
        assert_eq!((names.of(Some(1)), names.of(Some(2)), names.of(None)), ("train".into(), "2".into(), String::new()));
        assert!(names.ignores(Some(3)) && !names.ignores(Some(1)) && !names.ignores(None), "one is ignored");
        for bad in ["x = \"train\"", "0 = \"train\"", "1 = 2", "1 = \"\"", "1 ="] {
            assert!(Names::parse(bad).is_err(), "{bad} must be refused");
        }
        let nothing = Names::read(Path::new("no such file")).expect("no file, no names");
        assert_eq!(nothing, Names::default(), "no names");
    }
}
