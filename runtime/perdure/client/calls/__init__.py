"""What each method of a client asks the server for, and what it makes of the answer: without any I/O."""
