"""Credentials of extensions.

``credential`` is what they are, ``records`` how they are kept, ``token_endpoint`` how they are refreshed;
``operations`` declares what guests call, ``tidying`` mends what a crash left.
"""
