"""ABI 2: components of the world ``perdure:extension/extension@1.0.0`` (``sdk/wit/extension.wit``)."""
