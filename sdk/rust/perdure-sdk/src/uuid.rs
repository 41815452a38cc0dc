//! UUIDs between their text and their 16 bytes.

/// The bytes of a UUID with hyphens in their places, or with none.
pub fn parse(text: &str) -> Option<[u8; 16]> {
    let text = text.as_bytes();
    let hyphens = text.len() == 36;
    if !hyphens && text.len() != 32 {
        return None;
    }
    let mut uuid = [0; 16];
    let mut digits = 0;
    for (at, letter) in text.iter().enumerate() {
        if hyphens && matches!(at, 8 | 13 | 18 | 23) {
            if *letter != b'-' {
                return None;
            }
            continue;
        }
        let value = (*letter as char).to_digit(16)? as u8;
        uuid[digits / 2] |= if digits % 2 == 0 { value << 4 } else { value };
        digits += 1;
    }
    Some(uuid)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn uuids() {
        let expected: [u8; 16] =
            [1, 0x93, 0xb0, 0xa4, 0x5f, 0x6e, 0x7c, 0x3d, 0x8b, 0x1a, 0x2f, 0x4e, 0x6d, 0x8c, 10, 18];
        assert_eq!(parse("0193b0a4-5f6e-7c3d-8b1a-2f4e6d8c0a12"), Some(expected));
        assert_eq!(parse("0193B0A45f6e7c3d8b1a2f4e6d8c0a12"), Some(expected));
        for bad in ["", "0193b0a4", "0193b0a4-5f6e-7c3d-8b1a-2f4e6d8c0a1g", "0193b0a4_5f6e-7c3d-8b1a-2f4e6d8c0a12"] {
            assert_eq!(parse(bad), None);
        }
    }
}
