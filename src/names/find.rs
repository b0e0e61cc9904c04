//! By which pattern the names of an archive tell their times.

use std::collections::BTreeSet;

use super::{Pattern, TimePattern, cadence};
use scatterfall_timestamps::Micros;

/// Names that every candidate is tried on.
const TRIED: usize = 60;
/// Share of the names that a pattern must read.
const READ: f64 = 0.6;
/// Earliest and latest plausible times: 1970 (a clock that was never set) to 2100.
const PLAUSIBLE: std::ops::Range<Micros> = -86_400_000_000..4_102_444_800_000_000;

const DATES: [&str; 17] = [
    "%Y%m%d", "%Y-%m-%d", "%Y_%m_%d", "%Y.%m.%d", "%Y %m %d", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%Y", "%d_%m_%Y",
    "%m_%d_%Y", "%d%m%Y", "%m%d%Y", "%d-%b-%Y", "%d%b%Y", "%Y%b%d", "%Y%j", "%y%m%d",
];
const BETWEEN: [&str; 13] = ["_", "T", "-", " ", "", "t", "__", " at ", ".", "_T", "@", "--", "_at_"];
const TIMES: [&str; 14] = [
    "%H%M%S",
    "%H-%M-%S",
    "%H:%M:%S",
    "%H_%M_%S",
    "%H.%M.%S",
    "%H %M %S",
    "%Hh%Mm%Ss",
    "%I.%M.%S %p",
    "%I-%M-%S %p",
    "%I%M%S%p",
    "%I-%M-%S_%p",
    "%H%M",
    "%H-%M",
    "%H_%M",
];
const FRACTIONS: [&str; 5] = ["", "_%f", ".%f", "-%f", ",%f"];
const ZONES: [&str; 6] = ["", "%z", "Z", "_%Z", " %z", "_%z"];
const EPOCHS: [&str; 4] = ["%Q", "%s_%f", "%s.%f", "%s"];

/// A pattern found in names.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundPattern {
    /// The pattern; `None` for the program's own rule (the last two `_` parts).
    pub pattern: Option<String>,
    /// Names that it reads.
    pub read: usize,
    /// Another pattern that reads the names as well and tells other times.
    pub rival: Option<String>,
}

/// The pattern that reads most of `stems` (names without their endings); `None` where none reads enough of them.
pub fn find(stems: &[String]) -> Option<FoundPattern> {
    if stems.is_empty() {
        return None;
    }
    let usual = TimePattern::new(None, 0.0)?;
    let enough = |n: usize, of: usize| n > 0 && n as f64 >= READ * of as f64;
    let by_rule = stems.iter().filter(|s| usual.read(s).is_some()).count();
    if enough(by_rule, stems.len()) {
        return Some(FoundPattern { pattern: None, read: by_rule, rival: None });
    }
    let step = stems.len().div_ceil(TRIED);
    let tried: Vec<&str> = stems.iter().step_by(step).map(String::as_str).collect();
    let mut found: Vec<Candidate> = Vec::new();
    for first in tried.iter().take(6) {
        for text in fitting(first) {
            if found.iter().all(|c| c.text != text.1)
                && let Some(candidate) = Candidate::new(text, &tried)
                && enough(candidate.times.len(), tried.len())
            {
                found.push(candidate);
            }
        }
        if !found.is_empty() {
            break;
        }
    }
    let best = found.iter().min_by_key(|c| c.rank())?;
    let rival = found.iter().find(|c| c.rank().0 == best.rank().0 && c.is_rival(best)).map(|c| c.text.clone());
    let pattern = Pattern::new(&best.text)?;
    let read = stems.iter().filter(|s| pattern.read(s).is_some()).count();
    Some(FoundPattern { pattern: Some(best.text.clone()), read, rival })
}

struct Candidate {
    text: String,
    times: Vec<Micros>,
    /// Steps that are not the usual one.
    irregular: usize,
    order: usize,
}

impl Candidate {
    fn new((order, text): (usize, String), tried: &[&str]) -> Option<Self> {
        let pattern = Pattern::new(&text)?;
        let times: Vec<Micros> = tried.iter().filter_map(|s| whole(&pattern, s)).collect();
        let irregular = cadence(&times).map_or(0, |c| c.steps - (c.share * c.steps as f64).round() as usize);
        Some(Self { text, times, irregular, order })
    }

    /// Smaller is better: more names read, more different times, regular steps, then the order of the lists.
    fn rank(&self) -> ((std::cmp::Reverse<usize>, std::cmp::Reverse<usize>, usize), usize) {
        let different: BTreeSet<Micros> = self.times.iter().copied().collect();
        ((std::cmp::Reverse(self.times.len()), std::cmp::Reverse(different.len()), self.irregular), self.order)
    }

    /// Whether it tells other times, to the minute, than `best` does.
    fn is_rival(&self, best: &Self) -> bool {
        let minute = |t: &Micros| t / 60_000_000;
        self.times.iter().map(minute).ne(best.times.iter().map(minute))
    }
}

/// The time that a pattern reads without cutting a number in two.
fn whole(pattern: &Pattern, stem: &str) -> Option<Micros> {
    let told = pattern.read(stem)?;
    let digit = |at: Option<usize>| at.and_then(|i| stem.chars().nth(i)).is_some_and(|c| c.is_ascii_digit());
    let cut = digit(told.span.0.checked_sub(1)) || digit(Some(told.span.1));
    (!cut && PLAUSIBLE.contains(&told.time)).then_some(told.time)
}

/// Every pattern that reads `stem`, with its place in the order of preference.
fn fitting(stem: &str) -> Vec<(usize, String)> {
    let reads = |text: &str| Pattern::new(text).is_some_and(|p| whole(&p, stem).is_some());
    let loosely = |text: &str| Pattern::new(text).is_some_and(|p| p.read(stem).is_some());
    let mut texts = Vec::new();
    for date in DATES {
        // The date alone is held against the name first: a pattern needs a time, and a name long enough has one.
        for between in BETWEEN {
            for time in TIMES {
                let core = format!("{date}{between}{time}");
                if !loosely(&format!("*{core}*")) {
                    continue;
                }
                for (fraction, zone) in FRACTIONS.iter().flat_map(|f| ZONES.iter().map(move |z| (f, z))) {
                    let text = format!("{core}{fraction}{zone}");
                    if is_fraction(fraction, &text, stem) && reads(&format!("*{text}*")) {
                        texts.push(text);
                    }
                }
            }
        }
    }
    // What explains more of a name is better: fractions and zones are not left to the star.
    texts.sort_by_key(|t| std::cmp::Reverse(t.matches('%').count()));
    let epochs = EPOCHS.iter().filter(|t| has_epoch(t, stem)).map(|t| (*t).to_owned());
    texts.extend(epochs);
    texts.into_iter().map(|t| tight(&t, stem)).enumerate().collect()
}

/// A fraction of a second has three, six or nine digits; other numbers behind a time count something.
fn is_fraction(fraction: &str, text: &str, stem: &str) -> bool {
    if fraction.is_empty() {
        return true;
    }
    ["%3f", "%6f", "%9f"].iter().any(|digits| {
        let exact = format!("*{}*", text.replace("%f", digits));
        Pattern::new(&exact).is_some_and(|p| whole(&p, stem).is_some())
    })
}

/// Seconds since 1970 have ten digits from 2001 on, milliseconds thirteen; both begin with 1 until 2033.
fn has_epoch(text: &str, stem: &str) -> bool {
    let digits = if text.starts_with("%Q") { 13 } else { 10 };
    let numbers = stem.split(|c: char| !c.is_ascii_digit());
    let one = numbers.filter(|n| n.len() == digits && n.starts_with('1')).count() == 1;
    one && Pattern::new(&format!("*{text}*")).is_some_and(|p| whole(&p, stem).is_some())
}

/// The pattern with stars only where the name goes on.
fn tight(text: &str, stem: &str) -> String {
    let open = format!("*{text}*");
    let Some(told) = Pattern::new(&open).and_then(|p| p.read(stem)) else { return open };
    let before = if told.span.0 > 0 { "*" } else { "" };
    let after = if told.span.1 < stem.chars().count() { "*" } else { "" };
    format!("{before}{text}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stems(form: &str, n: u32) -> Vec<String> {
        let start = chrono::NaiveDate::from_ymd_opt(2024, 5, 7).and_then(|d| d.and_hms_opt(9, 25, 52)).expect("a time");
        let times = (0..n).map(|i| start + chrono::TimeDelta::minutes(i64::from(i)));
        times.map(|t| t.and_utc().format(form).to_string()).collect()
    }

    #[test]
    fn the_usual_forms_are_found() {
        for (form, want) in [
            ("Waterfall_RMS_%Y%m%d_%H%M%S", None),
            ("%Y%m%d_%H%M%S", None),
            ("das_%Y-%m-%dT%H:%M:%SZ", Some("*%Y-%m-%dT%H:%M:%S%z")),
            ("%Y%m%dT%H%M%S", Some("%Y%m%dT%H%M%S")),
            ("%Y-%m-%d %H-%M-%S", Some("%Y-%m-%d %H-%M-%S")),
            ("north %Y-%m-%d_%H.%M.%S", Some("*%Y-%m-%d_%H.%M.%S")),
            ("wf_%Y%m%d_%H%M%S_ch1", Some("*%Y%m%d_%H%M%S*")),
            ("wf_%Y%m%d_%H%M%S_250000", Some("*%Y%m%d_%H%M%S_%f")),
            ("das_%s", Some("*%s")),
            ("das_%s250_x", Some("*%Q*")),
            ("%Y%m%d_%H%M%S%z", Some("%Y%m%d_%H%M%S%z")),
            ("Screenshot %Y-%m-%d at %-I.%M.%S %p", Some("*%Y-%m-%d at %I.%M.%S %p")),
            ("wf_%y%m%d-%H%M%S", Some("*%y%m%d-%H%M%S")),
            ("wf%Y%j%H%M%S", Some("*%Y%j%H%M%S")),
            ("RMS_%d.%m.%Y_%H-%M-%S", Some("*%d.%m.%Y_%H-%M-%S")),
            ("RMS_%d-%b-%Y_%H-%M-%S", Some("*%d-%b-%Y_%H-%M-%S")),
            ("wf_%Y%m%d%H%M%S", Some("*%Y%m%d%H%M%S")),
            ("wf_%Y_%m_%d_%H_%M", Some("*%Y_%m_%d_%H_%M")),
        ] {
            let stems = stems(form, 30);
            let found = find(&stems).unwrap_or_else(|| panic!("{form}: {} has a time", stems[0]));
            assert_eq!((found.pattern.as_deref(), found.read), (want, 30), "{form}: {}", stems[0]);
            assert_eq!(found.rival, None, "{form}: {}", stems[0]);
            let usual = TimePattern::new(found.pattern.as_deref(), 0.0).expect("valid");
            let spread = cadence(&stems.iter().filter_map(|s| usual.read(s)).collect::<Vec<_>>()).expect("steps");
            assert_eq!(spread.step_s, 60.0, "{form}");
        }
    }

    #[test]
    fn names_without_times_have_none_and_ambiguous_ones_a_rival() {
        assert_eq!(find(&["a".into(), "b_2".into(), "IMG_1234".into()]), None, "no times");
        assert_eq!(find(&[]), None, "no names");
        let ambiguous: Vec<String> = (1..3).map(|d| format!("wf_0{d}-04-2025_100000")).collect();
        assert!(find(&ambiguous).is_some_and(|f| f.rival.is_some()), "day or month first");
        let daily: Vec<String> = (1..9).map(|d| format!("wf_0{d}-04-2025_100000")).collect();
        assert!(find(&daily).is_some_and(|f| f.rival.is_none()), "days are regular steps, months are not");
        let clear: Vec<String> = (11..25).map(|d| format!("wf_{d}-04-2025_100000")).collect();
        assert!(find(&clear).is_some_and(|f| f.rival.is_none() && f.pattern.is_some()), "there is no month 24");
    }

    #[test]
    fn a_counter_is_no_fraction() {
        let names: Vec<String> = (0..20).map(|i| format!("wf_20250515_00{i:02}00_{:04}", i + 1)).collect();
        assert_eq!(find(&names).and_then(|f| f.pattern).as_deref(), Some("*%Y%m%d_%H%M%S*"), "numbered pictures");
    }
}
