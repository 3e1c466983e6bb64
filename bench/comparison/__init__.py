"""bench/compare: what a message costs ringmx and other SMTP servers, side by side. docs/benchmarks.md has the method."""
