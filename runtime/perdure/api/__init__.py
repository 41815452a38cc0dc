"""perdure.api: the contract between the server and its clients: endpoints, their types, and their errors."""
