"""perdure.client: `Runtime`'s methods, for a runtime in another process, by way of a perdure server."""
