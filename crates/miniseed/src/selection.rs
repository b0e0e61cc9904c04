//! Which channels, and which span of time, are wanted.

use crate::header::TraceId;

/// What to use of the files. The default is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Patterns of channels, one of which must fit: of the channel code (`HH?`), or of the whole `NET.STA.LOC.CHA`
    /// where they have dots. `*` stands for any text, `?` for one character. Empty: every channel.
    pub channels: Vec<String>,
    /// Likewise of the station code, or of `NET.STA` and `NET.STA.LOC` where they have dots.
    pub stations: Vec<String>,
    /// No sample before this time, microseconds since 1970-01-01 UTC.
    pub start_us: Option<i64>,
    /// No sample at this time or after it.
    pub end_us: Option<i64>,
}

impl Selection {
    pub(crate) fn takes(&self, id: &TraceId) -> bool {
        let channel = |pattern: &String| match pattern.contains('.') {
            true => fits(pattern, &id.to_string()),
            false => fits(pattern, &id.channel),
        };
        let station = |pattern: &String| match pattern.matches('.').count() {
            0 => fits(pattern, &id.station),
            1 => fits(pattern, &format!("{}.{}", id.network, id.station)),
            _ => fits(pattern, &format!("{}.{}.{}", id.network, id.station, id.location)),
        };
        (self.channels.is_empty() || self.channels.iter().any(channel))
            && (self.stations.is_empty() || self.stations.iter().any(station))
    }
}

/// True where a text fits a pattern of `*` (any text) and `?` (any character).
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // The last star and the text it may swallow one character more of.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((star, swallowed)) = retry else { return false };
                retry = Some((star, swallowed + 1));
                p = star + 1;
                t = swallowed + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_in_a_shell() {
        let id = TraceId { network: "XX".into(), station: "ABC".into(), location: "00".into(), channel: "HHZ".into() };
        let channels = |p: &str| Selection { channels: vec![p.into()], ..Selection::default() }.takes(&id);
        let stations = |p: &str| Selection { stations: vec![p.into()], ..Selection::default() }.takes(&id);
        for pattern in ["HHZ", "HH?", "*", "?H*", "*Z", "XX.*.HHZ", "*.*.*.H??", "**"] {
            assert!(channels(pattern), "channel {pattern}");
        }
        for pattern in ["", "HH", "HHN", "HHZ?", "YY.*", "hhz", "XX.ABC.HHZ"] {
            assert!(!channels(pattern), "not channel {pattern}");
        }
        for pattern in ["ABC", "A*", "XX.ABC", "*.ABC", "XX.ABC.00", "XX.*"] {
            assert!(stations(pattern), "station {pattern}");
        }
        for pattern in ["AB", "YY.ABC", "XX.ABC.10", "XX"] {
            assert!(!stations(pattern), "not station {pattern}");
        }
        let both = Selection { channels: vec!["HHN".into(), "HHZ".into()], ..Selection::default() };
        assert!(both.takes(&id), "one of several");
    }
}
