//! What single values of the configuration may be: each rule reads a value and says in its error what it expects.

use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

/// Most components, clusters, windows and the like that are accepted; beyond is a typing error.
pub(super) const MAX_COUNT: usize = 1_000_000;

/// Which finite numbers a key takes.
pub(super) trait Rule {
    /// In words.
    const EXPECTED: &'static str;
    /// Whether `value` is one.
    fn accept(value: f64) -> bool;
}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident: $expected:literal, |$value:ident| $accept:expr;)*) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl Rule for $name {
            const EXPECTED: &'static str = $expected;
            fn accept($value: f64) -> bool {
                $accept
            }
        }
    )*};
}

rules! {
    /// Any decibels.
    Decibels: "decibels", |_value| true;
    /// Any distance.
    Kilometres: "kilometres", |value| value.abs() <= 1e6;
    /// Any distance at all.
    AnyKilometres: "kilometres", |_value| true;
    /// A length of fibre.
    Length: "kilometres, above 0", |value| value > 0.0 && value <= 1e6;
    /// A time zone.
    ZoneHours: "hours from -24 to 24", |value| value.abs() <= 24.0;
    /// How far colours may lie apart.
    ColorDistance: "a colour distance, above 0", |value| value > 0.0;
    /// How much of a segment repeats.
    Overlap: "a share from 0 up to (not including) 1", |value| (0.0..1.0).contains(&value);
    /// A share.
    Share: "a share from 0 to 1", |value| (0.0..=1.0).contains(&value);
    /// Shape of a Tukey window.
    Taper: "a number from 0 to 1", |value| (0.0..=1.0).contains(&value);
    /// A frequency.
    Hertz: "Hz, above 0", |value| value > 0.0;
    /// A time.
    Seconds: "seconds, above 0", |value| value > 0.0;
    /// A wavelet's width.
    Positive: "a number above 0", |value| value > 0.0;
    /// What a setting of the detector may be.
    Moderate: "a number above 0", |value| value > 0.0 && value <= 1e6;
    /// A threshold.
    Score: "a score above 0", |value| value > 0.0 && value <= 1e6;
    /// Speeds of both directions.
    Speed: "speeds in m/s, not 0", |value| value != 0.0 && value.abs() <= 1e4;
    /// A radius.
    Distance: "a distance above 0", |value| value > 0.0;
    /// The smallest coefficient.
    Floor: "a number above 0 that single precision can hold",
        |value| value >= f64::from(f32::MIN_POSITIVE) && value <= f64::from(f32::MAX);
}

/// A number that a rule accepts.
struct Number<R>(f64, PhantomData<R>);

impl<'de, R: Rule> Deserialize<'de> for Number<R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_f64(NumberVisitor(PhantomData))
    }
}

struct NumberVisitor<R>(PhantomData<R>);

impl<R: Rule> Visitor<'_> for NumberVisitor<R> {
    type Value = Number<R>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(R::EXPECTED)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Number<R>, E> {
        if value.is_finite() && R::accept(value) {
            Ok(Number(value, PhantomData))
        } else {
            Err(E::invalid_value(de::Unexpected::Float(value), &self))
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "whole numbers written for a quantity are small")]
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Number<R>, E> {
        self.visit_f64(value as f64)
    }

    #[expect(clippy::cast_precision_loss, reason = "whole numbers written for a quantity are small")]
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Number<R>, E> {
        self.visit_f64(value as f64)
    }
}

/// A number that rule `R` accepts.
pub(super) fn number<'de, R: Rule, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Number::<R>::deserialize(deserializer).map(|n| n.0)
}

/// The same for a key without a default.
pub(super) fn optional<'de, R: Rule, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Ok(Option::<Number<R>>::deserialize(deserializer)?.map(|n| n.0))
}

/// A list of them, which may be empty.
pub(super) fn list<'de, R: Rule, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    Ok(Vec::<Number<R>>::deserialize(deserializer)?.into_iter().map(|n| n.0).collect())
}

/// A list of at least one.
pub(super) fn some<'de, R: Rule, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    not_empty(list::<R, D>(deserializer)?, "at least one number")
}

/// `items`, unless there are none.
pub(super) fn not_empty<T, E: de::Error>(items: Vec<T>, expected: &str) -> Result<Vec<T>, E> {
    if items.is_empty() { Err(E::custom(format_args!("expected {expected}"))) } else { Ok(items) }
}

/// A whole number from `MIN` to `MAX`.
struct Count<const MIN: u64, const MAX: u64>(u64);

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Count<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(CountVisitor::<MIN, MAX>)
    }
}

struct CountVisitor<const MIN: u64, const MAX: u64>;

impl<const MIN: u64, const MAX: u64> Visitor<'_> for CountVisitor<MIN, MAX> {
    type Value = Count<MIN, MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {MIN} to {MAX}")
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        if (MIN..=MAX).contains(&value) {
            Ok(Count(value))
        } else {
            Err(E::invalid_value(de::Unexpected::Unsigned(value), &self))
        }
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        match u64::try_from(value) {
            Ok(value) => self.visit_u64(value),
            Err(_) => Err(E::invalid_value(de::Unexpected::Signed(value), &self)),
        }
    }
}

/// A whole number from `MIN` to `MAX`.
pub(super) fn count<'de, const MIN: u64, const MAX: u64, D: Deserializer<'de>>(d: D) -> Result<usize, D::Error> {
    let count = Count::<MIN, MAX>::deserialize(d)?.0;
    usize::try_from(count).map_err(|_| de::Error::custom("expected a number that this machine can count to"))
}

/// The same for a key without a default.
pub(super) fn optional_count<'de, const MIN: u64, const MAX: u64, D: Deserializer<'de>>(
    d: D,
) -> Result<Option<usize>, D::Error> {
    let count = Option::<Count<MIN, MAX>>::deserialize(d)?;
    let to_usize = |c: Count<MIN, MAX>| usize::try_from(c.0);
    count.map(to_usize).transpose().map_err(|_| de::Error::custom("expected a number that this machine can count to"))
}

/// How many of something: from 1 to [`MAX_COUNT`].
pub(super) fn many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    count::<1, { MAX_COUNT as u64 }, D>(deserializer)
}

/// As [`count`], without loss on machines of 32 bits.
pub(super) fn large<'de, const MIN: u64, const MAX: u64, D: Deserializer<'de>>(d: D) -> Result<u64, D::Error> {
    Count::<MIN, MAX>::deserialize(d).map(|c| c.0)
}

/// The seed of a random generator; TOML has whole numbers up to this one.
pub(super) fn seed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    large::<0, { i64::MAX as u64 }, D>(deserializer)
}

/// A text that is not empty.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    deserializer.deserialize_string(TextVisitor)
}

/// A path.
pub(super) fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    text(deserializer).map(PathBuf::from)
}

/// A path need not be text; the configuration's copy of it is for people to read.
pub(super) fn write_path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    path.to_string_lossy().serialize(serializer)
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text in quotes")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
        if text.is_empty() { Err(E::invalid_value(de::Unexpected::Str(text), &self)) } else { Ok(text.to_owned()) }
    }
}
