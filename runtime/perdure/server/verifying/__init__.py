"""Verifying in processes of their own: what they read may be damaged, and the modules that they run hostile."""
