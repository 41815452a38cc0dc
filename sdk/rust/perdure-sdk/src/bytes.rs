//! Bytes in JSON: base64, as operations have it.

use std::fmt;
use std::ops::Deref;

use serde::de::{Deserializer, Error as _, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Bytes, which are base64 in JSON.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub Vec<u8>);

impl Bytes {
    /// Base64 with padding (RFC 4648).
    fn encoded(&self) -> String {
        let mut text = String::with_capacity((self.0.len() + 2) / 3 * 4);
        for group in self.0.chunks(3) {
            let bits = group.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
            for at in 0..4 {
                let letter = ALPHABET[(bits >> (18 - 6 * at)) as usize & 63];
                text.push(if at <= group.len() { letter as char } else { '=' });
            }
        }
        text
    }

    fn decoded(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        let padding = text.iter().rev().take_while(|letter| **letter == b'=').count();
        if text.len() % 4 != 0 || padding > 2 {
            return None;
        }
        let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
        for group in text[..text.len() - padding].chunks(4) {
            let mut bits: u32 = 0;
            for letter in group {
                bits = bits << 6 | sextet(*letter)?;
            }
            bits <<= 6 * (4 - group.len());
            bytes.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
        }
        Some(Bytes(bytes))
    }
}

/// What six bits a letter stands for.
fn sextet(letter: u8) -> Option<u32> {
    let value = match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

impl fmt::Debug for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes", self.0.len())
    }
}

impl Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes(bytes)
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Bytes(bytes.to_vec())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.encoded())
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Base64;
        impl Visitor<'_> for Base64 {
            type Value = Bytes;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("base64")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Bytes, E> {
                Bytes::decoded(text).ok_or_else(|| E::custom("it is not base64"))
            }
        }
        deserializer.deserialize_str(Base64).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Bytes;

    #[test]
    fn there_and_back() {
        for length in 0..70_u8 {
            let bytes = Bytes((0..length).map(|at| at.wrapping_mul(37) ^ 0xa5).collect());
            let json = serde_json::to_string(&bytes).unwrap();
            assert_eq!(serde_json::from_str::<Bytes>(&json).unwrap(), bytes);
        }
    }

    #[test]
    fn the_examples_of_the_rfc() {
        for (text, encoded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(Bytes::from(text.as_bytes()).encoded(), encoded);
        }
    }

    #[test]
    fn what_is_not_base64() {
        for text in ["Z", "Zg=", "Zg", "Zm9v!A==", "====", "Z===", "Zg==Zg=="] {
            assert!(serde_json::from_value::<Bytes>(text.into()).is_err(), "{}", text);
        }
    }
}
