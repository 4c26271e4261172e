"""Benchmarks that anyone can run, beside what they are compared with: `./run bench`."""
