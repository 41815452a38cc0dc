"""perdure beside what people would take instead: ``python3 -m bench --peers`` (docs/benchmarks.md)."""
