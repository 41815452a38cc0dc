"""The benchmarks: ``python3 -m bench`` prints one table, each figure beside the floor it stands on."""
