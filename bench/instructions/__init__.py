"""Instructions of single steps, counted where clocks are too noisy to tell: see docs/benchmarks.md."""
