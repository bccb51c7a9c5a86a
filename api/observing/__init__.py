"""The service seen from outside: metrics, a line for each search, traces, and a log of queries."""
