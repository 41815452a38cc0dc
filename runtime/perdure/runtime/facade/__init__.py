"""What `Runtime` offers, by concern: each file has a class with the methods of one, and `Runtime` inherits them all."""
