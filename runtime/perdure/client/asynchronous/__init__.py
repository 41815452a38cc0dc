"""The methods of `AsyncClient`, by family, as in `perdure.client.sync`."""
