"""The methods of `Client`, by family: each file has a class with those of one, and `Client` inherits them all."""
