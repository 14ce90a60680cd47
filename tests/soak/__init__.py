"""What takes longer than a test may: `scripts/soak`. A few of each run in the tests, too."""
