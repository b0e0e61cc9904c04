//! How a file name tells when its picture begins.

use super::Pattern;
use scatterfall_timestamps::{Micros, micros, parse_compact};

/// How a file name tells its time.
#[derive(Clone, Debug, PartialEq)]
pub struct TimePattern {
    /// `None`: the last two `_` parts of the stem are `%Y%m%d` and `%H%M%S`.
    pattern: Option<Pattern>,
    /// Hours that the name's clock is ahead of UTC, where the name itself does not tell its zone.
    offset_us: i64,
}

impl TimePattern {
    /// A pattern in strftime notation; `*` stands for any text. `None`: the default rule.
    /// Returns `None` for a pattern that does not fix date, hour and minute.
    pub fn new(pattern: Option<&str>, utc_offset_h: f64) -> Option<Self> {
        let pattern = match pattern {
            Some(text) => Some(Pattern::new(text)?),
            None => None,
        };
        Some(Self { pattern, offset_us: micros(utc_offset_h * 3600.0) })
    }

    /// The pattern in strftime notation; `None` for the default rule.
    pub fn text(&self) -> Option<String> {
        self.pattern.as_ref().map(ToString::to_string)
    }

    /// The UTC time that a file's stem tells, or `None`.
    pub fn read(&self, stem: &str) -> Option<Micros> {
        let Some(pattern) = &self.pattern else {
            let mut parts = stem.rsplit('_');
            let (time, date) = (parts.next()?, parts.next()?);
            return parse_compact(&format!("{date}_{time}"))?.checked_sub(self.offset_us);
        };
        let told = pattern.read(stem)?;
        if told.zoned { Some(told.time) } else { told.time.checked_sub(self.offset_us) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Micros {
        parse_compact(text).expect("a valid time")
    }

    #[test]
    fn the_last_two_parts_are_the_default() {
        let p = TimePattern::new(None, 0.0).expect("the default");
        assert_eq!(p.read("Waterfall_RMS_20250515_000100"), Some(at("20250515_000100")), "the usual name");
        assert_eq!(p.read("20250515_000100"), Some(at("20250515_000100")), "nothing before");
        for bad in [
            "",
            "_",
            "x",
            "a_20251315_000000",
            "a_20250515_240000",
            "a_2025051_0000000",
            "a_20250515",
            "é_2025é515_000000",
        ] {
            assert_eq!(p.read(bad), None, "{bad} has no time");
        }
    }

    #[test]
    fn offsets_are_taken_off() {
        let p = TimePattern::new(None, 2.0).expect("the default");
        assert_eq!(p.read("a_20250515_010000"), Some(at("20250514_230000")), "local 01:00 is 23:00 UTC the day before");
    }

    #[test]
    fn a_pattern_comes_back_from_its_text() {
        for text in ["*_%Y%m%d_%H%M%S", "%y%j%I%p%M*100%%.%z", "%s.%3f", "%Q*%a", "%F %T%.1f", "%T.%f_%B %d %Y %Z"] {
            let pattern = Pattern::new(text).unwrap_or_else(|| panic!("{text} is valid"));
            let again = pattern.to_string();
            assert_eq!(Pattern::new(&again).as_ref(), Some(&pattern), "{text} became {again}");
        }
        let other = (Pattern::new("%Y%m%d%H%M").expect("valid"), Pattern::new("%y%m%d%H%M").expect("valid"));
        assert_ne!(other.0.to_string(), other.1.to_string(), "other fields have another text");
    }

    #[test]
    fn patterns_with_and_without_stars() {
        let p = TimePattern::new(Some("das-%Y-%m-%dT%H-%M-%S"), 0.0).expect("valid");
        assert_eq!(p.read("das-2025-05-15T00-01-00"), Some(at("20250515_000100")), "exact");
        assert_eq!(p.read("xdas-2025-05-15T00-01-00"), None, "text before is not allowed");
        let p = TimePattern::new(Some("*%Y%m%dT%H%M%S*"), 0.0).expect("valid");
        assert_eq!(p.read("fibre é 20250515T000100_v2"), Some(at("20250515_000100")), "text on both sides");
        for bad in ["%Y", "%H%M%S", "%!", "*", "no fields"] {
            assert!(TimePattern::new(Some(bad), 0.0).is_none(), "{bad} cannot tell a time");
        }
    }
}
