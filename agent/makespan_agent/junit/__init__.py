"""Test timings and outcomes from the JUnit XML reports that a step left behind."""
