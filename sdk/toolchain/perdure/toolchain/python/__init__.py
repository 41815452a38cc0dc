"""From a project in Python to a component: staging, bundling, componentize-py, and what the code says of itself."""
