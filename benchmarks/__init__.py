"""What is measured, each by one command; not part of the test run and not part of the wheel."""
