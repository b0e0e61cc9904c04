//! Times in file names: strptime patterns as Python has them, with `*` for any text.

use std::fmt;

use chrono::{NaiveDate, NaiveDateTime};

use scatterfall_timestamps::Micros;

/// Most `*` of a pattern: every one multiplies the places that are tried.
const MAX_STARS: usize = 3;
/// Characters of a name that are looked at; file systems allow 255 bytes.
const MAX_CHARACTERS: usize = 512;

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    items: Vec<Item>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    Literal(char),
    Star,
    Field(Field),
}

/// A piece of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Year,
    ShortYear,
    Month,
    MonthName,
    Day,
    DayOfYear,
    Hour,
    Hour12,
    Minute,
    Second,
    /// Digits behind the decimal point; 0: as many as there are, up to nine.
    Fraction(usize),
    HalfDay,
    Offset,
    ZoneName,
    EpochSeconds,
    EpochMilliseconds,
    DayName,
}

/// What has been read of a name.
#[derive(Clone, Copy, Default)]
struct Parts {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: Option<i64>,
    minute: Option<i64>,
    second: i64,
    nanoseconds: i64,
    afternoon: Option<bool>,
    offset_s: Option<i64>,
    epoch_us: Option<i64>,
}

/// A time as a name tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Microseconds since 1970 on the name's own clock, or in UTC where the name tells its zone.
    pub time: Micros,
    /// Whether the name tells its zone (`%z`, `%Z` or seconds since 1970).
    pub zoned: bool,
    /// Characters of the name before and after what the fields and letters of the pattern took.
    pub span: (usize, usize),
}

impl Pattern {
    /// Reads a pattern; `None` where it holds an unknown field, too many `*`, or does not fix date, hour and minute.
    pub fn new(text: &str) -> Option<Self> {
        let mut items = Vec::new();
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '*' if items.last() == Some(&Item::Star) => {}
                '*' => items.push(Item::Star),
                '%' => match rest.next()? {
                    '%' => items.push(Item::Literal('%')),
                    'F' => items.extend(Self::parse_items("%Y-%m-%d")?),
                    'T' => items.extend(Self::parse_items("%H:%M:%S")?),
                    '.' => {
                        let digits = rest.next_if(char::is_ascii_digit).and_then(|d| d.to_digit(10)).unwrap_or(0);
                        (rest.next()? == 'f').then_some(())?;
                        items.extend([Item::Literal('.'), Item::Field(Field::Fraction(digits as usize))]);
                    }
                    d @ ('3' | '6' | '9') => {
                        (rest.next()? == 'f').then_some(())?;
                        items.push(Item::Field(Field::Fraction(d.to_digit(10)? as usize)));
                    }
                    letter => items.push(Item::Field(field(letter)?)),
                },
                other => items.push(Item::Literal(other)),
            }
        }
        let this = Self { items };
        (this.stars() <= MAX_STARS && this.is_complete()).then_some(this)
    }

    fn parse_items(text: &str) -> Option<Vec<Item>> {
        let mut items = Vec::new();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            items.push(if c == '%' { Item::Field(field(rest.next()?)?) } else { Item::Literal(c) });
        }
        Some(items)
    }

    fn stars(&self) -> usize {
        self.items.iter().filter(|i| **i == Item::Star).count()
    }

    fn has(&self, field: Field) -> bool {
        self.items.contains(&Item::Field(field))
    }

    /// A pattern without a date, or without a minute, could never tell when a picture begins.
    fn is_complete(&self) -> bool {
        let year = self.has(Field::Year) || self.has(Field::ShortYear);
        let month = self.has(Field::Month) || self.has(Field::MonthName);
        let day = (month && self.has(Field::Day)) || self.has(Field::DayOfYear);
        let hour = self.has(Field::Hour) || (self.has(Field::Hour12) && self.has(Field::HalfDay));
        (year && day && hour && self.has(Field::Minute))
            || self.has(Field::EpochSeconds)
            || self.has(Field::EpochMilliseconds)
    }

    /// The time that a name (without its ending) tells.
    pub fn read(&self, name: &str) -> Option<Told> {
        let name: Vec<char> = name.chars().take(MAX_CHARACTERS).collect();
        self.step(&name, 0, 0, Parts::default(), (usize::MAX, 0))
    }

    /// Matches the items from `item` on with the name from `at` on.
    fn step(&self, name: &[char], item: usize, at: usize, parts: Parts, span: (usize, usize)) -> Option<Told> {
        let Some(this) = self.items.get(item) else {
            let time = parts.time()?;
            let zoned = parts.offset_s.is_some() || parts.epoch_us.is_some();
            return (at == name.len()).then_some(Told { time, zoned, span });
        };
        let seen = |end: usize| (span.0.min(at), end);
        match this {
            Item::Star => (at..=name.len()).find_map(|next| self.step(name, item + 1, next, parts, span)),
            Item::Literal(c) => {
                (name.get(at) == Some(c)).then(|| self.step(name, item + 1, at + 1, parts, seen(at + 1)))?
            }
            Item::Field(field) => {
                // Numbers that touch have their full width; one that stands alone may be shorter.
                let beside = [item.checked_sub(1), Some(item + 1)].map(|i| i.and_then(|i| self.items.get(i)));
                let alone = !beside.iter().any(|i| matches!(i, Some(Item::Field(_))));
                lengths(*field, alone).find_map(|n| {
                    let text: String = name.get(at..at + n)?.iter().collect();
                    let parts = parts.with(*field, &text)?;
                    self.step(name, item + 1, at + n, parts, seen(at + n))
                })
            }
        }
    }
}

/// The pattern as text, from which [`Pattern::new`] makes the same pattern.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut items = self.items.iter().peekable();
        while let Some(item) = items.next() {
            match item {
                // "%.1f" is the only form of a fraction of one digit.
                Item::Literal('.') => match items.next_if(|i| matches!(i, Item::Field(Field::Fraction(1..)))) {
                    Some(Item::Field(Field::Fraction(digits))) => write!(f, "%.{digits}f")?,
                    _ => f.write_str(".")?,
                },
                Item::Literal('%') => f.write_str("%%")?,
                Item::Literal(c) => write!(f, "{c}")?,
                Item::Star => f.write_str("*")?,
                Item::Field(Field::Fraction(digits @ 1..)) => write!(f, "%{digits}f")?,
                Item::Field(field) => write!(f, "%{}", letter(*field))?,
            }
        }
        Ok(())
    }
}

/// The letter of a field, the first one where there are several.
fn letter(field: Field) -> char {
    match field {
        Field::Year => 'Y',
        Field::ShortYear => 'y',
        Field::Month => 'm',
        Field::MonthName => 'b',
        Field::Day => 'd',
        Field::DayOfYear => 'j',
        Field::Hour => 'H',
        Field::Hour12 => 'I',
        Field::Minute => 'M',
        Field::Second => 'S',
        Field::Fraction(_) => 'f',
        Field::HalfDay => 'p',
        Field::Offset => 'z',
        Field::ZoneName => 'Z',
        Field::EpochSeconds => 's',
        Field::EpochMilliseconds => 'Q',
        Field::DayName => 'a',
    }
}

fn field(letter: char) -> Option<Field> {
    Some(match letter {
        'Y' => Field::Year,
        'y' => Field::ShortYear,
        'm' => Field::Month,
        'b' | 'B' | 'h' => Field::MonthName,
        'd' | 'e' => Field::Day,
        'j' => Field::DayOfYear,
        'H' => Field::Hour,
        'I' => Field::Hour12,
        'M' => Field::Minute,
        'S' => Field::Second,
        'f' => Field::Fraction(0),
        'p' => Field::HalfDay,
        'z' => Field::Offset,
        'Z' => Field::ZoneName,
        's' => Field::EpochSeconds,
        'Q' => Field::EpochMilliseconds,
        'a' | 'A' => Field::DayName,
        _ => return None,
    })
}

/// The lengths that a field's text may have, the one to try first first.
fn lengths(field: Field, alone: bool) -> std::iter::Rev<std::ops::RangeInclusive<usize>> {
    let range = match field {
        Field::Year => 4..=4,
        Field::ShortYear => 2..=2,
        Field::DayOfYear => 3..=3,
        Field::Fraction(0) => 1..=9,
        Field::Fraction(n) => n..=n,
        Field::HalfDay => 2..=2,
        Field::Offset => 1..=6,
        Field::ZoneName => 1..=4,
        Field::EpochSeconds => 1..=11,
        Field::EpochMilliseconds => 12..=14,
        Field::MonthName | Field::DayName => 3..=9,
        Field::Month | Field::Day | Field::Hour | Field::Hour12 | Field::Minute | Field::Second => {
            if alone {
                1..=2
            } else {
                2..=2
            }
        }
    };
    range.rev()
}

fn number(text: &str) -> Option<i64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Zones by their usual letters, with the hours that they are ahead of UTC.
const ZONES: [(&str, i64); 19] = [
    ("UTC", 0),
    ("GMT", 0),
    ("Z", 0),
    ("WET", 0),
    ("WEST", 1),
    ("BST", 1),
    ("CET", 1),
    ("CEST", 2),
    ("EET", 2),
    ("EEST", 3),
    ("EST", -5),
    ("EDT", -4),
    ("CST", -6),
    ("CDT", -5),
    ("MST", -7),
    ("MDT", -6),
    ("PST", -8),
    ("PDT", -7),
    ("JST", 9),
];

/// Position of the word that `text` is, whole or by its first three letters.
fn word(words: &[&str], text: &str) -> Option<i64> {
    let text = text.to_ascii_lowercase();
    let at = words.iter().position(|w| *w == text || (text.len() == 3 && w.starts_with(&text)))?;
    i64::try_from(at).ok()
}

/// `+0200`, `+02:00`, `+02` and `Z` in seconds ahead of UTC.
fn offset(text: &str) -> Option<i64> {
    if text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let digits: String = text[1..].chars().filter(|c| *c != ':').collect();
    let (hours, minutes) = match digits.len() {
        2 => (number(&digits)?, 0),
        4 => (number(&digits[..2])?, number(&digits[2..])?),
        _ => return None,
    };
    (hours <= 15 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

impl Parts {
    fn with(mut self, field: Field, text: &str) -> Option<Self> {
        let within = |low: i64, high: i64| number(text).filter(|n| (low..=high).contains(n));
        match field {
            Field::Year => self.year = Some(within(0, 9999)?),
            // As Python and POSIX have it: 69 to 99 belong to the last century.
            Field::ShortYear => self.year = within(0, 99).map(|y| if y < 69 { 2000 + y } else { 1900 + y }).or(None),
            Field::Month => self.month = Some(within(1, 12)?),
            Field::MonthName => self.month = Some(word(&MONTHS, text)? + 1),
            Field::Day => self.day = Some(within(1, 31)?),
            Field::DayOfYear => self.day_of_year = Some(within(1, 366)?),
            Field::Hour => self.hour = Some(within(0, 23)?),
            Field::Hour12 => self.hour = Some(within(1, 12)? % 12),
            Field::Minute => self.minute = Some(within(0, 59)?),
            Field::Second => self.second = within(0, 60)?,
            Field::Fraction(_) => {
                let digits = u32::try_from(text.len()).ok()?;
                self.nanoseconds = number(text)? * 10i64.pow(9u32.checked_sub(digits)?);
            }
            Field::HalfDay => {
                self.afternoon = match text.to_ascii_lowercase().as_str() {
                    "am" => Some(false),
                    "pm" => Some(true),
                    _ => return None,
                }
            }
            Field::Offset => self.offset_s = Some(offset(text)?),
            Field::ZoneName => {
                let (_, hours) = ZONES.iter().find(|(n, _)| n.eq_ignore_ascii_case(text))?;
                self.offset_s = Some(hours * 3600);
            }
            Field::EpochSeconds => self.epoch_us = Some(number(text)?.checked_mul(1_000_000)?),
            Field::EpochMilliseconds => self.epoch_us = Some(number(text)?.checked_mul(1000)?),
            Field::DayName => {
                word(&DAYS, text)?;
            }
        }
        if field == Field::ShortYear && self.year.is_none() {
            return None;
        }
        Some(self)
    }

    fn time(&self) -> Option<Micros> {
        let fraction = (self.nanoseconds + 500) / 1000;
        if let Some(us) = self.epoch_us {
            return us.checked_add(fraction);
        }
        let year = i32::try_from(self.year?).ok()?;
        let date = match (self.day_of_year, self.month, self.day) {
            (Some(day), ..) => NaiveDate::from_yo_opt(year, u32::try_from(day).ok()?)?,
            (None, Some(month), Some(day)) => {
                NaiveDate::from_ymd_opt(year, u32::try_from(month).ok()?, u32::try_from(day).ok()?)?
            }
            _ => return None,
        };
        let hour = self.hour? + if self.afternoon == Some(true) { 12 } else { 0 };
        let midnight: NaiveDateTime = date.and_hms_opt(0, 0, 0)?;
        let seconds = hour * 3600 + self.minute? * 60 + self.second - self.offset_s.unwrap_or(0);
        Some(midnight.and_utc().timestamp_micros() + seconds * 1_000_000 + fraction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scatterfall_timestamps::iso;

    fn read(pattern: &str, name: &str) -> Option<String> {
        Pattern::new(pattern).expect("a valid pattern").read(name).map(|t| iso(t.time))
    }

    /// Each as Python's `datetime.strptime` reads it (checked with CPython 3.11).
    #[test]
    fn fields_mean_what_python_means() {
        for (pattern, name, want) in [
            ("%Y%m%d_%H%M%S_%f", "20250515_000000_500000", "2025-05-15T00:00:00.500000Z"),
            ("%Y%m%d_%H%M%S_%f", "20250515_000000_5", "2025-05-15T00:00:00.500000Z"),
            ("%Y%m%d_%H%M%S.%f", "20250515_000000.123", "2025-05-15T00:00:00.123000Z"),
            ("%Y%m%d_%H%M%S%z", "20250515_000000+0200", "2025-05-14T22:00:00Z"),
            ("%Y-%m-%dT%H:%M:%S%z", "2025-05-15T00:00:00-05:30", "2025-05-15T05:30:00Z"),
            ("%Y-%m-%dT%H:%M:%S%z", "2025-05-15T00:00:00Z", "2025-05-15T00:00:00Z"),
            ("%y%m%d%H%M", "2505150930", "2025-05-15T09:30:00Z"),
            ("%Y-%m-%d %I.%M.%S %p", "2025-05-15 9.25.52 PM", "2025-05-15T21:25:52Z"),
            ("%Y-%m-%d %I.%M.%S %p", "2025-05-15 12.00.00 AM", "2025-05-15T00:00:00Z"),
            ("%Y%j%H%M%S", "2025135000100", "2025-05-15T00:01:00Z"),
            ("%d-%b-%Y %H%M%S", "15-May-2025 000100", "2025-05-15T00:01:00Z"),
            ("*%s*", "das_1747267200_x", "2025-05-15T00:00:00Z"),
            ("*_%Q", "das_1747267200250", "2025-05-15T00:00:00.250000Z"),
            ("%Y%m%d_%H%M%S_%Z", "20251026_023000_CEST", "2025-10-26T00:30:00Z"),
            ("%Y%m%d_%H%M%S_%Z", "20251026_023000_CET", "2025-10-26T01:30:00Z"),
        ] {
            assert_eq!(read(pattern, name).as_deref(), Some(want), "{pattern} of {name}");
        }
    }

    #[test]
    fn what_cannot_be_a_time_is_none() {
        for (pattern, name) in [
            ("%Y%m%d_%H%M%S", "20251301_000000"),
            ("%Y%m%d_%H%M%S", "20250230_000000"),
            ("%Y%m%d_%H%M%S", "20250515_240000"),
            ("%Y%m%d_%H%M%S", "20250515_00000"),
            ("%Y%m%d_%H%M%S_%f", "20250515_000000_"),
            ("%Y%m%d_%H%M%S", "٢٠٢٥٠٥١٥_000000"),
            ("%Y%m%d_%H%M%S%z", "20250515_000000+9999"),
        ] {
            assert_eq!(read(pattern, name), None, "{pattern} of {name}");
        }
        for bad in ["%Y", "%H%M%S", "%!", "*", "", "%", "no fields", "%Y%m%d%I%M", "*%Y*%m*%d*%H%M%S"] {
            assert_eq!(Pattern::new(bad), None, "{bad} cannot tell a time");
        }
    }

    #[test]
    fn the_span_is_what_letters_and_fields_took() {
        let told = Pattern::new("*%Y%m%d_%H%M%S*").and_then(|p| p.read("ab20250515_000100_ch1")).expect("is read");
        assert_eq!(told.span, (2, 17), "between the stars");
    }
}
