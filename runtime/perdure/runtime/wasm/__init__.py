"""wasmtime, as perdure uses it: one engine per job, machine code checked before it runs, limits on everything."""
