//! The form of the CSV files that the program writes (RFC 4180, lines that end with a line feed), and of those that it reads.

use std::io::Write;

use ::csv::{ReaderBuilder, StringRecord, Terminator, Writer, WriterBuilder};

/// The records of a CSV text, its header too, each with as many fields as it has. Records that are no UTF-8 are left out.
pub(crate) fn records(text: &str) -> impl Iterator<Item = StringRecord> {
    ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes())
        .into_records()
        .filter_map(std::result::Result::ok)
}

/// A writer of records, whose fields are quoted where they must be.
pub(crate) fn writer<W: Write>(out: W) -> Writer<W> {
    WriterBuilder::new().terminator(Terminator::Any(b'\n')).from_writer(out)
}

/// A table in memory.
pub(crate) struct Table(Writer<Vec<u8>>);

impl Table {
    /// A table with the names of its columns, as one line.
    pub(crate) fn new(header: &str) -> Self {
        let mut table = Self(writer(Vec::new()));
        table.line(header.split(','));
        table
    }

    /// Adds a record of as many fields as there are columns.
    pub(crate) fn line<T: AsRef<[u8]>>(&mut self, fields: impl IntoIterator<Item = T>) {
        self.0.write_record(fields).expect("memory takes every record, and each has a field per column");
    }

    /// The text.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.0.into_inner().expect("memory takes every record")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<Vec<String>> {
        records(text).map(|r| r.iter().map(str::to_owned).collect()).collect()
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
    }

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        for (text, field) in [
            ("plain é", "plain é"),
            ("a,b", "\"a,b\""),
            ("say \"a\"", "\"say \"\"a\"\"\""),
            ("a\nb", "\"a\nb\""),
            ("", ""),
        ] {
            let mut table = Table::new("x,y");
            table.line([text, "1"]);
            let written = String::from_utf8(table.finish()).expect("text");
            assert_eq!(written, format!("x,y\n{field},1\n"), "{text:?}");
        }
    }
}
