"""Jobs composed of jobs: ``jobs.dispatch``, ``get``, ``list``, ``cancel`` and ``wait``."""
