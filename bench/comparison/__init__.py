"""Two commits of this project, measured in turns: ``python3 -m bench --compare REF``. See docs/benchmarks.md."""
