"""Copies of a data folder: made while somebody writes to it, checked, and made into a data folder again."""
