//! Text into HTML: escaping, the page's template, base64.

use std::fmt::Write as _;

/// Text for element content and quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Control characters have no place in HTML.
            c if c.is_control() && !matches!(c, '\n' | '\t') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// JSON for a `script` element: nothing in it can end the element or begin a comment.
pub(super) fn script_json(value: &serde_json::Value) -> String {
    value.to_string().replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

/// Puts `values` in place of the `{{name}}` of a template. What is put in is not looked at again.
pub(super) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(template.len() + values.iter().map(|v| v.1.len()).sum::<usize>());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        out.push_str(values.iter().find(|v| v.0 == name).map_or("", |v| v.1));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Standard base64 with padding (RFC 4648).
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

/// A PNG as an address that holds the picture itself.
pub(super) fn png_address(png: &[u8]) -> String {
    format!("data:image/png;base64,{}", base64(png))
}

/// A colour as `#rrggbb`.
pub(super) fn hex([r, g, b]: [u8; 3]) -> String {
    let mut out = String::from("#");
    for c in [r, g, b] {
        // Writing to a string cannot fail.
        let _ = write!(out, "{c:02x}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_text() {
        assert_eq!(
            escape("<img src=x onerror='a(1)'> & \"b\""),
            "&lt;img src=x onerror=&#39;a(1)&#39;&gt; &amp; &quot;b&quot;",
            "all five"
        );
        assert_eq!(escape("a\u{0}b\u{1b}c\né"), "a\u{fffd}b\u{fffd}c\né", "control characters");
        let json = script_json(&serde_json::json!({ "file": "</script><!-- \u{2028}" }));
        assert!(!json.contains('<') && !json.contains('\u{2028}'), "{json}");
        let back: serde_json::Value = serde_json::from_str(&json).expect("still JSON");
        assert_eq!(back["file"], "</script><!-- \u{2028}", "the same text");
    }

    #[test]
    fn what_is_filled_in_is_not_a_template() {
        assert_eq!(fill("a {{x}} b {{y}} c {{none}}", &[("x", "{{y}}"), ("y", "1")]), "a {{y}} b 1 c ", "one pass");
        assert_eq!(fill("open {{x", &[("x", "1")]), "open 1", "an end is missing");
    }

    #[test]
    fn base64_as_in_rfc_4648() {
        for (plain, coded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(plain.as_bytes()), coded, "{plain}");
        }
        assert_eq!(base64(&[255, 239, 190]), "/+++", "the last digits");
        assert_eq!(hex([0, 114, 178]), "#0072b2", "a colour");
    }
}
