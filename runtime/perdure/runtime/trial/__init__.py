"""Jobs on trial: an extension in a real runtime, in a temporary folder, whose operations are answered by a test."""
