//! Fields of the CSV files that the program writes (RFC 4180).

use std::borrow::Cow;

/// The records of a CSV text, each as its fields. A quoted field may hold commas, line breaks and doubled quotes; what
/// follows its closing quote up to the next comma is ignored.
pub(crate) fn records(text: &str) -> impl Iterator<Item = Vec<Cow<'_, str>>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut fields = Vec::new();
        loop {
            let (field, after) = field(rest);
            fields.push(field);
            rest = after;
            match rest.strip_prefix(',') {
                Some(after) => rest = after,
                None => break,
            }
        }
        rest = rest.strip_prefix('\r').unwrap_or(rest);
        rest = rest.strip_prefix('\n').unwrap_or(rest);
        Some(fields)
    })
}

/// The first field, and the text from the comma or the end of the line on.
fn field(text: &str) -> (Cow<'_, str>, &str) {
    let plain = |text: &'_ str| text.find([',', '\n', '\r']).unwrap_or(text.len());
    let Some(quoted) = text.strip_prefix('"') else {
        let end = plain(text);
        return (Cow::Borrowed(&text[..end]), &text[end..]);
    };
    let mut from = 0;
    let end = loop {
        match quoted[from..].find('"') {
            Some(at) if quoted[from + at + 1..].starts_with('"') => from += at + 2,
            Some(at) => break from + at,
            None => break quoted.len(),
        }
    };
    let after = quoted.get(end + 1..).unwrap_or("");
    (Cow::Owned(quoted[..end].replace("\"\"", "\"")), &after[plain(after)..])
}

/// A field of a CSV file, quoted where it must be.
pub(crate) fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<Vec<Cow<'_, str>>> {
        records(text).collect()
    }

    #[test]
    fn fields_come_back_as_they_were() {
        assert_eq!(all("a,b\n1,\n,2\n"), [["a", "b"], ["1", ""], ["", "2"]], "plain fields");
        assert_eq!(all("\"a,b\",\"say \"\"x\"\"\r\n\"\r\n3,4"), [["a,b", "say \"x\"\r\n"], ["3", "4"]], "quoted ones");
        assert!(all("").is_empty(), "nothing");
    }

    #[test]
    fn broken_text_ends() {
        for text in ["\"", "\"a", "\"a\"b,c", "\r", "\n\n", ",,,", "\"\"\"", "é\"ü\","] {
            assert!(all(text).len() <= 3, "{text:?}");
        }
        assert_eq!(all("\"a\"b,c"), [["a", "c"]], "what follows a closing quote is no field");
    }

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        for (text, field) in
            [("plain é", "plain é"), ("a,b", "\"a,b\""), ("say \"a\"", "\"say \"\"a\"\"\""), ("a\nb", "\"a\nb\"")]
        {
            assert_eq!(csv_field(text), field, "{text:?}");
        }
    }
}
