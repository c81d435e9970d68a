"""What cyclefree costs: `python -m benchmarks`, with the extra `bench` installed for the peers.

`timing` measures (interleaved, in one process), `table` shows, `workloads` has what is measured,
and each of the other modules is one group of measures. Nothing here is a test:
`tests/test_benchmarks.py` checks that the harness runs and that its statistics are right, and
asserts no time.
"""
