"""Keys and what they seal: ``keychain`` holds the keys, ``sealing`` seals payloads, ``masking`` says what is shown."""
