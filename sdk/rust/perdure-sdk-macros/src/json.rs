//! As much JSON as a manifest needs: quoting texts, and finding out whether a text is a JSON object.

/// A JSON string.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            control if control < ' ' => quoted.push_str(&format!("\\u{:04x}", control as u32)),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// Makes sure that a text is one JSON object; says where it is not.
pub fn check_object(text: &str) -> Result<(), String> {
    let mut reader = Reader { text: text.as_bytes(), at: 0 };
    reader.space();
    let read = reader.peek() == Some(b'{') && reader.value(0);
    reader.space();
    if read && reader.at == reader.text.len() {
        return Ok(());
    }
    let before = &text.as_bytes()[..reader.at.min(text.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    Err(format!("it is not a JSON object: see line {}, column {}", line, column))
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, word: &str) -> bool {
        let found = self.text[self.at..].starts_with(word.as_bytes());
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn digits(&mut self) -> bool {
        let start = self.at;
        while self.peek().map_or(false, |byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at > start
    }

    fn value(&mut self, depth: usize) -> bool {
        if depth > 32 {
            return false;
        }
        match self.peek() {
            Some(b'{') => self.members("{", "}", |reader| {
                let key = reader.string();
                reader.space();
                key && reader.eat(":") && {
                    reader.space();
                    reader.value(depth + 1)
                }
            }),
            Some(b'[') => self.members("[", "]", |reader| reader.value(depth + 1)),
            Some(b'"') => self.string(),
            Some(b't') => self.eat("true"),
            Some(b'f') => self.eat("false"),
            Some(b'n') => self.eat("null"),
            _ => self.number(),
        }
    }

    fn members(&mut self, open: &str, close: &str, mut member: impl FnMut(&mut Self) -> bool) -> bool {
        self.eat(open);
        self.space();
        if self.eat(close) {
            return true;
        }
        loop {
            self.space();
            if !member(self) {
                return false;
            }
            self.space();
            if self.eat(close) {
                return true;
            }
            if !self.eat(",") {
                return false;
            }
        }
    }

    fn string(&mut self) -> bool {
        if !self.eat("\"") {
            return false;
        }
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => return self.eat("\""),
                b'\\' => {
                    let rest = self.text.get(self.at + 1..).unwrap_or_default();
                    let length = match rest.first() {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
                        Some(b'u') if rest.len() > 4 && rest[1..5].iter().all(u8::is_ascii_hexdigit) => 6,
                        _ => return false,
                    };
                    self.at += length;
                }
                0..=31 => return false,
                _ => self.at += 1,
            }
        }
        false
    }

    fn number(&mut self) -> bool {
        self.eat("-");
        if !self.eat("0") && !self.digits() {
            return false;
        }
        if self.eat(".") && !self.digits() {
            return false;
        }
        if self.eat("e") || self.eat("E") {
            let _ = self.eat("+") || self.eat("-");
            return self.digits();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects() {
        for good in ["{}", " {\"a\": [1, -0.5e+3, true, null, \"\\u00e9\\n\"], \"b\": {}}\n", "{\"é\":{\"\":[]}}"] {
            assert_eq!(check_object(good), Ok(()), "{}", good);
        }
        let bad = "|[]|1|{|{\"a\"}|{\"a\":}|{\"a\":1,}|{a:1}|{} {}|{\"a\":01}|{\"a\":\"\n\"}|{\"a\":tru}";
        for bad in bad.split('|') {
            assert!(check_object(bad).is_err(), "{}", bad);
        }
        assert!(check_object(&format!("{{\"a\":{}{}}}", "[".repeat(40), "]".repeat(40))).is_err());
    }

    #[test]
    fn the_place_of_a_mistake() {
        assert_eq!(check_object("{\n  \"a\": x}"), Err("it is not a JSON object: see line 2, column 8".to_owned()));
    }

    #[test]
    fn quotes() {
        assert_eq!(quoted("a\"\\\n\u{1}é"), "\"a\\\"\\\\\\n\\u0001é\"");
    }
}
