"""Guests of every ABI: what they have in common, and which ABI a file is of."""
