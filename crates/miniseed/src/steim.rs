//! Steim-1 and Steim-2: differences of successive samples in frames of sixteen 32-bit words.
//!
//! The first word of a frame holds sixteen 2-bit codes, one a word of the frame; a code says how the word is cut into
//! differences (Steim-2: together with the word's own two highest bits). Words 1 and 2 of the first frame are the first
//! and the last sample. Source: SEED Reference Manual 2.4, appendix B.

use crate::byte_order::ByteOrder;

const FRAME_BYTES: usize = 64;
const FRAME_WORDS: usize = 16;

/// Which of the two codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    One,
    Two,
}

/// `samples` samples, and whether the last one is what the first frame says it must be.
///
/// # Errors
///
/// In words, when a code is undefined or the frames hold fewer samples.
pub(crate) fn decode(level: Level, data: &[u8], order: ByteOrder, samples: usize) -> Result<(Vec<i32>, bool), String> {
    // Not the declared number of samples, but what the words can hold at most.
    let mut out = Vec::with_capacity(samples.min(data.len() / 4 * 7));
    let mut value = 0_i32;
    let mut last = 0_i32;
    for (f, frame) in data.chunks_exact(FRAME_BYTES).enumerate() {
        let word = |w: usize| order.u32(&frame[4 * w..]);
        let codes = word(0);
        let mut first_word = 1;
        if f == 0 {
            // The first difference leads from the record before and is not used: the first sample is given.
            value = word(1) as i32;
            last = word(2) as i32;
            first_word = 3;
        }
        for w in first_word..FRAME_WORDS {
            if out.len() == samples {
                break;
            }
            let code = codes >> (30 - 2 * w) & 3;
            let (differences, n) = match level {
                Level::One => differences_1(code, &frame[4 * w..4 * w + 4], order),
                Level::Two => differences_2(code, &frame[4 * w..4 * w + 4], order)?,
            };
            for difference in &differences[..n.min(samples - out.len())] {
                if !out.is_empty() {
                    value = value.wrapping_add(*difference);
                }
                out.push(value);
            }
        }
    }
    if out.len() < samples {
        return Err(format!("its frames hold {} of the {samples} samples it declares", out.len()));
    }
    let intact = out.is_empty() || value == last;
    Ok((out, intact))
}

/// Up to seven differences and how many of them count.
type Differences = ([i32; 7], usize);

fn differences_1(code: u32, word: &[u8], order: ByteOrder) -> Differences {
    match code {
        1 => bytes(word),
        2 => {
            let half = |at: usize| i32::from(order.u16(&word[at..]) as i16);
            ([half(0), half(2), 0, 0, 0, 0, 0], 2)
        }
        3 => ([order.u32(word) as i32, 0, 0, 0, 0, 0, 0], 1),
        _ => ([0; 7], 0),
    }
}

fn differences_2(code: u32, word: &[u8], order: ByteOrder) -> Result<Differences, String> {
    let value = order.u32(word);
    match (code, value >> 30) {
        (0, _) => Ok(([0; 7], 0)),
        (1, _) => Ok(bytes(word)),
        (2, 1) => Ok(fields(value, 1, 30)),
        (2, 2) => Ok(fields(value, 2, 15)),
        (2, 3) => Ok(fields(value, 3, 10)),
        (3, 0) => Ok(fields(value, 5, 6)),
        (3, 1) => Ok(fields(value, 6, 5)),
        (3, 2) => Ok(fields(value, 7, 4)),
        (code, inner) => Err(format!("undefined Steim-2 code {code} with {inner}")),
    }
}

/// Four single bytes; they stand in the order of the file, whatever the byte order of the words.
fn bytes(word: &[u8]) -> Differences {
    let byte = |k: usize| i32::from(word[k] as i8);
    ([byte(0), byte(1), byte(2), byte(3), 0, 0, 0], 4)
}

/// `count` signed fields of `width` bits in the low `count * width` bits, the first one highest.
fn fields(word: u32, count: usize, width: usize) -> Differences {
    let mut out = [0; 7];
    for (k, field) in out.iter_mut().enumerate().take(count) {
        *field = ((word << (32 - width * (count - k))) as i32) >> (32 - width);
    }
    (out, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame whose word `w` carries `code`, with the first and last sample given.
    fn frame(first: i32, last: i32, words: &[(u32, u32)]) -> Vec<u8> {
        let mut all = [0_u32; FRAME_WORDS];
        all[1] = first as u32;
        all[2] = last as u32;
        for (k, (code, word)) in words.iter().enumerate() {
            all[3 + k] = *word;
            all[0] |= code << (30 - 2 * (3 + k));
        }
        all.iter().flat_map(|w| w.to_be_bytes()).collect()
    }

    #[test]
    fn every_width_of_steim_2_is_signed_and_in_order() {
        // Each word holds the differences -1, 1, -1, ...; the first of all is ignored.
        let alternating = |count: usize, width: usize| {
            (0..count).fold(0_u32, |word, k| {
                let field = if k % 2 == 0 { (1_u32 << width) - 1 } else { 1 };
                word << width | field
            })
        };
        let cases = [(2, 1, 1, 30), (2, 2, 2, 15), (2, 3, 3, 10), (3, 0, 5, 6), (3, 1, 6, 5), (3, 2, 7, 4)];
        for (code, inner, count, width) in cases {
            let data = frame(5, 0, &[(code, inner << 30 | alternating(count, width)), (1, 0x7F80_0102)]);
            let (out, _) = decode(Level::Two, &data, ByteOrder::Big, count + 4).expect("the frame is valid");
            let mut want = vec![5];
            for k in 1..count {
                want.push(want[k - 1] + if k % 2 == 0 { -1 } else { 1 });
            }
            for difference in [127, -128, 1, 2] {
                want.push(want[want.len() - 1] + difference);
            }
            assert_eq!(out, want, "{count} differences of {width} bits");
        }
    }

    #[test]
    fn sums_wrap_and_the_last_sample_is_checked() {
        let data = frame(i32::MAX, i32::MIN, &[(3, 0), (3, 1)]);
        let sums = vec![i32::MAX, i32::MIN];
        assert_eq!(decode(Level::One, &data, ByteOrder::Big, 2), Ok((sums.clone(), true)), "32-bit sums wrap");
        let wrong = frame(i32::MAX, 7, &[(3, 0), (3, 1)]);
        assert_eq!(decode(Level::One, &wrong, ByteOrder::Big, 2), Ok((sums, false)), "the last sample differs");
    }

    #[test]
    fn too_few_frames_and_undefined_codes_are_refused() {
        for samples in [3, 60_000] {
            let answer = decode(Level::One, &frame(1, 1, &[(3, 0), (3, 1)]), ByteOrder::Big, samples);
            assert!(answer.is_err_and(|e| e.contains("2 of the")), "{samples} samples from a frame of two");
        }
        assert!(decode(Level::One, &[0; 63], ByteOrder::Big, 1).is_err(), "less than a frame");
        for word in [(2, 0), (3, 3 << 30)] {
            let answer = decode(Level::Two, &frame(1, 1, &[word]), ByteOrder::Big, 1);
            assert!(answer.is_err_and(|e| e.contains("undefined")), "code {word:?}");
        }
    }
}
