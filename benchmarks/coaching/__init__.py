"""Coaching against the truth: policy value, effects of programs, speed."""
