"""Reports of a run: one HTML page, JUnit XML and JSON, from a trace and what the judge found in it."""
