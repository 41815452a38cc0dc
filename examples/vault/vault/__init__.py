"""Passwords in the host's credentials: imported, made, rotated, shared, checked against breaches, audited."""

from perdure_sdk import Extension

METHODS = """
action:credentials.generate action:credentials.rotate action:credentials.share action:credentials.store
query:credentials.audit query:credentials.get query:credentials.list
action:vdfs.create_entry action:vdfs.write_sidecar
query:clock.now query:config.get query:files.read query:http.request
"""

ext = Extension(
    "vault",
    name="Vault",
    version="0.1.0",
    description="Imports, makes, rotates, shares, checks and audits the passwords in the host's credentials.",
    methods=METHODS.split(),
    requests_per_minute=30_000,  # an import is one call a row
    max_memory_mb=256,
    network_access=["api.pwnedpasswords.com"],
    config_schema={
        "properties": {
            "breach_service": {
                "type": "string",
                "default": "https://api.pwnedpasswords.com/range/",
                "description": "where breaches are looked up; five digits of a SHA-1 follow",
            }
        },
        "additionalProperties": False,
    },
)

from vault import importing, keeping, reports  # noqa: E402, F401  # their jobs are the extension's
