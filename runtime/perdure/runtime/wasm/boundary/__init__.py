"""The boundary between guest and host: one protocol, and two ways through wasmtime (ADR 0024)."""
