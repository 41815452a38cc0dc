//! `key = value` lists of attributes: read once, taken key by key, every mistake with its place.

use proc_macro2::Span;
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::{bracketed, token, Error, Ident, LitBool, LitInt, LitStr, Path, Token};

/// What may stand behind `=`.
pub enum Value {
    Text(LitStr),
    Number(LitInt),
    Flag(LitBool),
    Path(Path),
    List(token::Bracket, Vec<Value>),
}

impl Value {
    pub fn span(&self) -> Span {
        match self {
            Value::Text(text) => text.span(),
            Value::Number(number) => number.span(),
            Value::Flag(flag) => flag.span(),
            Value::Path(path) => path.segments.first().map_or_else(Span::call_site, |segment| segment.ident.span()),
            Value::List(bracket, _) => bracket.span,
        }
    }
}

impl Parse for Value {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let ahead = input.lookahead1();
        if ahead.peek(LitStr) {
            input.parse().map(Value::Text)
        } else if ahead.peek(LitInt) {
            input.parse().map(Value::Number)
        } else if ahead.peek(LitBool) {
            input.parse().map(Value::Flag)
        } else if ahead.peek(token::Bracket) {
            let content;
            let bracket = bracketed!(content in input);
            let entries = content.parse_terminated::<Value, Token![,]>(Value::parse)?;
            Ok(Value::List(bracket, entries.into_iter().collect()))
        } else if ahead.peek(Ident)
            || ahead.peek(Token![crate])
            || ahead.peek(Token![self])
            || ahead.peek(Token![super])
        {
            input.call(Path::parse_mod_style).map(Value::Path)
        } else {
            Err(ahead.error())
        }
    }
}

/// One attribute's arguments. Errors are kept until `finish`, so that all of them are seen at once.
pub struct Arguments {
    entries: Vec<(Ident, Value)>,
    error: Option<Error>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let mut entries = Vec::new();
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            entries.push((key, input.parse()?));
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(Arguments { entries, error: None })
    }
}

impl Arguments {
    /// Refuses keys that are not `known`, and all but the first of one that is there twice.
    pub fn check_keys(&mut self, what: &str, known: &[&str]) {
        let entries = std::mem::take(&mut self.entries);
        for (key, value) in entries {
            let name = key.to_string();
            if !known.contains(&name.as_str()) {
                let nearest = known.iter().find(|one| is_near(one, &name));
                let hint = nearest.map_or_else(
                    || format!("{} has the keys {}", what, known.join(", ")),
                    |one| format!("did you mean `{}`?", one),
                );
                self.fail(Error::new(key.span(), format!("unknown key `{}`: {}", name, hint)));
            } else if self.entries.iter().any(|(seen, _)| *seen == key) {
                self.fail(Error::new(key.span(), format!("the key `{}` is there twice", name)));
            } else {
                self.entries.push((key, value));
            }
        }
    }

    pub fn fail(&mut self, error: Error) {
        match &mut self.error {
            Some(first) => first.combine(error),
            None => self.error = Some(error),
        }
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        let at = self.entries.iter().position(|(name, _)| name == key)?;
        Some(self.entries.remove(at).1)
    }

    fn taken<T>(&mut self, key: &str, expected: &str, read: impl FnOnce(Value) -> Result<T, Span>) -> Option<T> {
        let value = self.take(key)?;
        match read(value) {
            Ok(found) => Some(found),
            Err(span) => {
                self.fail(Error::new(span, format!("`{}` must be {}", key, expected)));
                None
            }
        }
    }

    pub fn text(&mut self, key: &str) -> Option<LitStr> {
        self.taken(key, "a text: \"…\"", |value| match value {
            Value::Text(text) => Ok(text),
            other => Err(other.span()),
        })
    }

    /// A text that `check` finds nothing wrong with; it returns what is wrong.
    pub fn checked_text(&mut self, key: &str, check: fn(&str) -> Result<(), String>) -> Option<LitStr> {
        let text = self.text(key)?;
        self.checked(key, text, check)
    }

    fn checked(&mut self, what: &str, text: LitStr, check: fn(&str) -> Result<(), String>) -> Option<LitStr> {
        match check(&text.value()) {
            Ok(()) => Some(text),
            Err(why) => {
                self.fail(Error::new(text.span(), format!("`{}`: {}", what, why)));
                None
            }
        }
    }

    pub fn flag(&mut self, key: &str) -> Option<bool> {
        self.taken(key, "true or false", |value| match value {
            Value::Flag(flag) => Ok(flag.value),
            other => Err(other.span()),
        })
    }

    pub fn number(&mut self, key: &str, most: u64) -> Option<u64> {
        self.taken(key, &format!("a whole number from 1 to {}", most), |value| match value {
            Value::Number(number) => match number.base10_parse::<u64>() {
                Ok(found) if (1..=most).contains(&found) && number.suffix().is_empty() => Ok(found),
                _ => Err(number.span()),
            },
            other => Err(other.span()),
        })
    }

    pub fn path(&mut self, key: &str) -> Option<Path> {
        self.taken(key, "the name of a function", |value| match value {
            Value::Path(path) => Ok(path),
            other => Err(other.span()),
        })
    }

    pub fn texts(&mut self, key: &str, check: fn(&str) -> Result<(), String>) -> Option<Vec<LitStr>> {
        let entries = self.taken(key, "a list of texts: [\"…\", …]", |value| match value {
            Value::List(_, entries) => Ok(entries),
            other => Err(other.span()),
        })?;
        let mut texts: Vec<LitStr> = Vec::new();
        for entry in entries {
            let span = entry.span();
            let text = match entry {
                Value::Text(text) => self.checked(key, text, check),
                _ => {
                    self.fail(Error::new(span, format!("`{}` must be a list of texts: [\"…\", …]", key)));
                    None
                }
            };
            if let Some(text) = text {
                if texts.iter().any(|seen| seen.value() == text.value()) {
                    self.fail(Error::new(span, format!("`{}` has \"{}\" twice", key, text.value())));
                }
                texts.push(text);
            }
        }
        Some(texts)
    }

    pub fn paths(&mut self, key: &str) -> Option<(Span, Vec<Path>)> {
        let expected = "a list of functions: [count, …]";
        let (span, entries) = self.taken(key, expected, |value| match value {
            Value::List(bracket, entries) => Ok((bracket.span, entries)),
            other => Err(other.span()),
        })?;
        let mut paths: Vec<Path> = Vec::new();
        for entry in entries {
            let at = entry.span();
            match entry {
                Value::Path(path) => {
                    let text = path.to_token_stream().to_string();
                    if paths.iter().any(|seen| seen.to_token_stream().to_string() == text) {
                        self.fail(Error::new(at, format!("`{}` has `{}` twice", key, text)));
                    }
                    paths.push(path);
                }
                _ => self.fail(Error::new(at, format!("`{}` must be {}", key, expected))),
            }
        }
        Some((span, paths))
    }

    /// Says that a key is missing.
    pub fn missing(&mut self, what: &str, key: &str, example: &str) {
        // Not where a wrong one was refused: it is not missing.
        if self.error.is_none() {
            self.fail(Error::new(
                Span::call_site(),
                format!("{} needs `{}`, as in `{} = {}`", what, key, key, example),
            ));
        }
    }

    /// The errors that were found.
    pub fn finish(self) -> syn::Result<()> {
        self.error.map_or(Ok(()), Err)
    }
}

/// Whether two names differ by one letter that was left out, added or changed, or by two that changed places.
fn is_near(one: &str, other: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let same = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let (rest, other_rest) = (&a[same..], &b[same..]);
    let without = |letters: &[char], count: usize| letters.get(count..).map(<[char]>::to_vec);
    let swapped = rest.len() > 1 && other_rest.len() > 1 && rest[0] == other_rest[1] && rest[1] == other_rest[0];
    (without(rest, 1).is_some() && without(rest, 1) == without(other_rest, 1))
        || without(rest, 1).as_deref() == Some(other_rest)
        || without(other_rest, 1).as_deref() == Some(rest)
        || (swapped && rest[2..] == other_rest[2..])
}

#[cfg(test)]
mod tests {
    use super::is_near;

    #[test]
    fn one_slip_is_near() {
        for slip in ["jbos", "job", "jobss", "jobz", "obs"] {
            assert!(is_near("jobs", slip), "{}", slip);
        }
        for other in ["joyous", "jo", "", "bsjo", "init"] {
            assert!(!is_near("jobs", other), "{}", other);
        }
    }
}
